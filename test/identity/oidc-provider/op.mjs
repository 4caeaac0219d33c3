// An identity service: oidc-provider, with the few settings that a team would make. Everything that it signs, it signs by itself.
//
// ISSUER is its address, KEYS its private keys as a JWK Set, LOGOUT where it reports the end of a session.
import Provider, { errors } from 'oidc-provider';

const issuer = process.env.ISSUER;
const provider = new Provider(issuer, {
  jwks: JSON.parse(process.env.KEYS),
  clients: [
    {
      client_id: 'backend', client_secret: 'a secret of the backend', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
      token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: 'ES256',
    },
    {
      client_id: 'app', client_secret: 'a secret of the app', grant_types: ['authorization_code'], redirect_uris: ['https://app.example/back'], response_types: ['code'],
      id_token_signed_response_alg: 'ES256', backchannel_logout_uri: process.env.LOGOUT, backchannel_logout_session_required: true,
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({ scope: 'rt', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } } }),
    },
  },
  extraTokenClaims: (ctx, token) => (token.extra?.sid ? { sid: token.extra.sid } : undefined),
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});

// What a browser and a person would do takes two short cuts: a token for somebody who logged in, and the end of their session.
provider.use(async (ctx, next) => {
  const { sub, sid, audience } = ctx.query;
  if (ctx.path === '/shortcut/token') {
    const client = await provider.Client.find('app');
    const info = new provider.ResourceServer(audience, { scope: 'rt', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } } });
    const token = new provider.AccessToken({ client, accountId: sub, scope: 'rt', extra: { sid } });
    token.resourceServer = info;
    ctx.body = await token.save();
  } else if (ctx.path === '/shortcut/logout') {
    const client = await provider.Client.find('app');
    await client.backchannelLogout(sub, sid);
    ctx.body = 'told';
  } else {
    await next();
  }
});
provider.on('server_error', (ctx, err) => console.error(err));

const { port, hostname } = new URL(issuer);
provider.listen(Number(port), hostname, () => console.log('listening'));
