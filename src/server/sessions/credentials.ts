import type { RegistryAuth } from '../../registry/types.js'
import type { ClientSession } from './client-session.js'
import { GrpcError, grpcCodes } from './grpc-stream.js'
import { encode, WireMessage } from './wire.js'

const method = 'moby.filesync.v1.Auth/Credentials'

/** What a client has for a registry: asked when the registry is first spoken to. A secret without a name is a token. */
export async function sessionCredentials(
  session: ClientSession,
  registry: string,
  signal: AbortSignal,
): Promise<RegistryAuth> {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  try {
    const answer = new WireMessage(await session.call(method, encode([[1, host]]), signal))
    const [username, secret] = [answer.text(1), answer.text(2)]
    if (secret === '') return {}
    return username === '' ? { identityToken: secret } : { username, password: secret }
  } catch (error) {
    // Not all clients have any.
    if (error instanceof GrpcError && error.code === grpcCodes.unimplemented) return {}
    throw error
  }
}
