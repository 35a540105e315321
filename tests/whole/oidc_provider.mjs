// A certified OpenID provider on a free port of this machine: one client, one resource, access tokens as JWTs.
// Usage: node oidc_provider.mjs AUDIENCE; prints its issuer. A line on stdin ends it.

import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

const audience = process.argv[2];

async function key(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: "sig" };
}

const server = createServer();
server.listen(0, "127.0.0.1", async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const resource = { scope: "images.write self", audience, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } };
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "shop", client_secret: "a-secret-of-the-shop", grant_types: ["client_credentials"],
      redirect_uris: [], response_types: [],
    }],
    scopes: ["images.write", "self"],
    jwks: { keys: [await key("RS256"), await key("ES256")] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: () => resource, useGrantedResource: () => true },
    },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
