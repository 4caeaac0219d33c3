package memory

import (
	"context"
	"time"
)

// view is the state as a node has it: while the node runs.
type view struct{ node *Broker }

func (v view) Put(_ context.Context, key string, value []byte, ttl time.Duration) error {
	if err := v.node.reached(); err != nil {
		return err
	}
	return v.node.engine.state.put(key, value, ttl)
}

func (v view) Add(_ context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := v.node.reached(); err != nil {
		return false, err
	}
	return v.node.engine.state.putAbsent(key, value, ttl)
}

func (v view) Take(_ context.Context, key string) ([]byte, bool, error) {
	if err := v.node.reached(); err != nil {
		return nil, false, err
	}
	return v.node.engine.state.take(key)
}

func (v view) Watch(ctx context.Context, prefix string, changed func(key string, value []byte), current func()) error {
	if err := v.node.reached(); err != nil {
		return err
	}
	return v.node.engine.state.follow(ctx, v.node.done, prefix, changed, current)
}
