import type { BuildLender, SshAgent } from '../../engine/build-options.js'
import type { ClientSession } from './client-session.js'
import { GrpcError, grpcCodes } from './grpc-stream.js'
import { encode, WireMessage } from './wire.js'

const getSecret = 'moby.buildkit.secrets.v1.Secrets/GetSecret'
const checkAgent = 'moby.sshforward.v1.SSH/CheckAgent'
const forwardAgent = 'moby.sshforward.v1.SSH/ForwardAgent'

/** As OpenSSH's: no message of an agent is longer. */
const maxMessageBytes = 256 * 1024

/** The secrets and agents of a client, asked for when a RUN needs them. */
export function sessionLender(session: ClientSession): BuildLender {
  return {
    async secret(id, signal) {
      const answer = await given(session.call(getSecret, encode([[1, id]]), signal))
      return answer && (new WireMessage(answer).bytes(1) ?? Buffer.alloc(0))
    },
    async agent(id, signal) {
      const checked = await given(session.call(checkAgent, encode([[1, id]]), signal))
      return checked && agentOf(session, id)
    },
  }
}

/** undefined: the client has none, or serves none. */
async function given(call: Promise<Buffer>): Promise<Buffer | undefined> {
  try {
    return await call
  } catch (error) {
    const { notFound, unimplemented } = grpcCodes
    if (error instanceof GrpcError && (error.code === notFound || error.code === unimplemented)) return undefined
    // As clients before version 23 say of an agent that they do not have.
    if (error instanceof GrpcError && /^(unset ssh forward key|not found$)/.test(error.message)) return undefined
    throw error
  }
}

/** Each request has a call of its own: what a client's agent is connected by. */
function agentOf(session: ClientSession, id: string): SshAgent {
  return {
    async answer(request, signal) {
      const stream = session.stream(forwardAgent, { 'buildkit.ssh.id': id }, signal)
      try {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(request.length)
        await stream.send(encode([[1, Buffer.concat([length, request])]]))
        return await firstMessage(stream.messages())
      } finally {
        stream.close()
      }
    },
  }
}

async function firstMessage(messages: AsyncIterable<Buffer>): Promise<Buffer> {
  let held = Buffer.alloc(0)
  for await (const message of messages) {
    held = Buffer.concat([held, new WireMessage(message).bytes(1) ?? Buffer.alloc(0)])
    const length = held.length < 4 ? 0 : held.readUInt32BE()
    if (length > maxMessageBytes) break
    if (held.length >= 4 && held.length >= length + 4) return held.subarray(4, length + 4)
  }
  throw new GrpcError(grpcCodes.unavailable, 'the agent has not answered')
}
