import type { Agent, AgentOptions } from 'node:http'
import type { Agent as SecureAgent, AgentOptions as SecureAgentOptions } from 'node:https'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { DialPort } from './dispatcher.js'

/** Options of {@link Container.agent}: those of `http.Agent`, or with `tls` of `https.Agent`. */
export type ContainerAgentOptions =
  | (AgentOptions & { readonly tls?: false })
  | (SecureAgentOptions & { readonly tls: true })

interface ConnectionRequest {
  readonly port?: number | string | null
}

type CreateConnection = (
  request: ConnectionRequest,
  callback: (error: Error | null, connection?: Duplex) => void,
) => undefined

/** An agent whose connections, whatever host their requests name, lead to one container. */
export function agentTo(dial: DialPort, { tls: isSecure = false, ...options }: ContainerAgentOptions) {
  const agent = isSecure ? newSecureAgent(options) : newAgent(options)
  const createConnection: CreateConnection = (request, callback) => {
    dial(Number(request.port) || agent.defaultPort, {}).then(
      (socket) => callback(null, isSecure ? overTls({ ...(request as ConnectionOptions), socket }) : socket),
      (error: Error) => callback(error),
    )
    return undefined
  }
  return Object.assign(agent, { createConnection })
}

type WithDefaultPort = { readonly defaultPort: number }

// Builtins that only who asks for an agent needs.

const newAgent = (options: AgentOptions) =>
  new (process.getBuiltinModule('node:http').Agent)(options) as Agent & WithDefaultPort

const newSecureAgent = (options: SecureAgentOptions) =>
  new (process.getBuiltinModule('node:https').Agent)(options) as SecureAgent & WithDefaultPort

function overTls(options: ConnectionOptions): Duplex {
  return process.getBuiltinModule('node:tls').connect(options)
}
