/*
 * An OpenID provider on a free loopback port: node server.js [CERTIFICATE KEY]
 * Its one line of output is {"issuer": "..."}; it ends when its input ends.
 *
 * Tokens are had by name (any word, without a password) at /token with the
 * grant "name". The resource indicator says what they look like:
 *     https://mail.test/?format=ES256&seconds=60&audience=mail
 * format: "opaque", or the algorithm of a signed one.
 */
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';

import Provider from 'oidc-provider';

const PAIRS = [
  ['rsa', { modulusLength: 2048 }, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  ['ec', { namedCurve: 'P-256' }, ['ES256']],
  ['ec', { namedCurve: 'P-384' }, ['ES384']],
  ['ec', { namedCurve: 'P-521' }, ['ES512']],
  ['ed25519', {}, ['EdDSA']],
];

// The same kid in every server, so that only the signature tells their keys apart.
const keys = PAIRS.map(([kind, options, algorithms]) => ({
  ...crypto.generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  kid: algorithms[0],
}));

const algorithms = PAIRS.flatMap(([, , names]) => names);

// What RFC 6749, section 2.3.1, encodes before Basic does.
const SECRET = 'a secret: of +%/&=?~*';

const client = { redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_basic' };

const configuration = {
  clients: [
    { ...client, client_id: 'program', client_secret: 'program', grant_types: ['name'] },
    { ...client, client_id: 'rest:ante', client_secret: SECRET, grant_types: ['client_credentials'] },
  ],
  jwks: { keys },
  scopes: ['mail', 'other'],
  clientDefaults: { grant_types: ['name'], response_types: [] },
  enabledJWA: { idTokenSigningAlgValues: algorithms },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: (ctx, resource) => serverOf(resource) },
  },
  extraTokenClaims: (ctx, token) => ({ email: `${token.accountId}@example.org` }),
  ttl: { AccessToken: (ctx, token) => token.resourceServer.accessTokenTTL, Grant: 3600 },
};

function serverOf(resource) {
  const { format, seconds, audience } = Object.fromEntries(new URL(resource).searchParams);
  return {
    scope: 'mail other',
    audience,
    accessTokenTTL: Number(seconds),
    accessTokenFormat: format === 'opaque' ? 'opaque' : 'jwt',
    jwt: format === 'opaque' ? undefined : { sign: { alg: format } },
  };
}

async function grantByName(ctx, next) {
  const { name, scope, resource } = ctx.oidc.params;
  const { AccessToken, Grant, ResourceServer } = ctx.oidc.provider;
  const grant = new Grant({ accountId: name, clientId: ctx.oidc.client.clientId });
  const token = new AccessToken({
    accountId: name,
    client: ctx.oidc.client,
    grantId: await grant.save(),
    gty: 'name',
    scope,
  });
  token.resourceServer = new ResourceServer(resource, serverOf(resource));
  ctx.body = { access_token: await token.save(), token_type: 'Bearer' };
  await next();
}

const [certificate, key] = process.argv.slice(2);
const server = certificate
  ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
  : http.createServer();

server.listen(0, '127.0.0.1', () => {
  const issuer = `${certificate ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  provider.registerGrantType('name', grantByName, ['name', 'scope', 'resource']);
  server.on('request', provider.callback());
  console.log(JSON.stringify({ issuer }));
});

process.stdin.resume().on('end', () => process.exit(0));
