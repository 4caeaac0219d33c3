package node

import (
	"context"

	"portcullis/internal/config"
	"portcullis/internal/config/watch"
)

// watch takes the configuration anew when its files change, until ctx ends.
func (n *Node) watch(ctx context.Context) {
	if n.options.File == "" || !n.config.Reload.Watch {
		return
	}
	watch.Run(ctx, n.watched, n.reloading.seen, func() { n.Reload(ByFiles) }) // the log says how it went
}

// watched are the files that count only after a reload. Certificates, key sets and revocation lists are followed by themselves.
func (n *Node) watched() watch.Files {
	c := n.reloading.last.Load()
	f := watch.Files{Single: []string{n.options.File}, Folder: string(c.TenantsDir)}
	for i := range c.Tenants {
		if of := c.Tenants[i].Certificates; of != nil {
			f.Single = append(f.Single, string(of.AuthoritiesFile))
		}
		for _, w := range c.Tenants[i].Webhooks {
			for _, file := range []config.File{w.SecretFile, w.PreviousSecretFile, w.AuthoritiesFile} {
				if file != "" {
					f.Single = append(f.Single, string(file))
				}
			}
		}
	}
	return f
}
