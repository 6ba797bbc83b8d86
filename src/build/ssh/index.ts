import { BuildError } from '../../errors/index.js'
import type { SshSource } from '../settings.js'
import type { Agent } from './agent.js'
import { type AgentSocket, type AgentSocketOptions, serveAgent } from './agent-socket.js'
import { ForwardedAgent } from './forwarded-agent.js'
import { KeyAgent } from './key-agent.js'
import { parsePrivateKey } from './private-key.js'
import { WireError } from './wire.js'

/**
 * A socket that an agent is spoken to by, as long as it is not closed.
 *
 * @throws {BuildError} BUILD_FAILED for a key that cannot be read, or has a passphrase
 */
export function openAgentSocket(source: SshSource, options: AgentSocketOptions): Promise<AgentSocket> {
  return serveAgent(agentOf(source), options)
}

function agentOf(source: SshSource): Agent {
  if ('socket' in source) return new ForwardedAgent(source.socket)
  if ('keys' in source) return new KeyAgent(source.keys.map(keyOf))
  return { answer: async (request, signal) => Buffer.from(await source.answer(request, signal)) }
}

function keyOf(key: Uint8Array) {
  try {
    return parsePrivateKey(key)
  } catch (error) {
    // What the cause says may have parts of the key: it is left out.
    const isLocked = error instanceof WireError ? /passphrase/.test(error.message) : isEncryptedPem(key)
    const reason = isLocked
      ? 'it has a passphrase: forward an agent that has the key'
      : 'it is no private key that is known'
    throw new BuildError(`cannot use an SSH key: ${reason}`, { code: 'BUILD_FAILED' })
  }
}

/** PKCS #8 says it by its name, older formats by a header. */
function isEncryptedPem(key: Uint8Array): boolean {
  return Buffer.from(key).includes('ENCRYPTED')
}
