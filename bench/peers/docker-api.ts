import { once } from 'node:events'
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** The part of Docker's Engine API that the bench needs, over the daemon's socket with plain `node:http`. */
export class DockerApi {
  private readonly agent = new Agent({ keepAlive: true })

  constructor(readonly socketPath: string) {}

  /** What `docker run --rm --network none busybox true` does: create, attach, wait, start, read all, removed. */
  async runTrue(): Promise<void> {
    const id = await this.create(['true'], true)
    const { ended } = await this.attach(id)
    // The daemon answers the head at once and the body when the container is gone.
    const removal = await this.send({ method: 'POST', path: `/containers/${id}/wait?condition=removed` })
    await this.post(`/containers/${id}/start`)
    await ended
    await contentOf(removal)
  }

  /** Creates a container of busybox without a network; its id. `more` is of its HostConfig. */
  async create(command: readonly string[], autoRemove: boolean, more: object = {}): Promise<string> {
    const host = { NetworkMode: 'none', AutoRemove: autoRemove, ...more }
    const body = { Image: 'busybox', Cmd: command, AttachStdout: true, AttachStderr: true, HostConfig: host }
    return JSON.parse(await this.post('/containers/create', body)).Id
  }

  async post(path: string, body?: object): Promise<string> {
    return contentOf(await this.send({ method: 'POST', path }, body))
  }

  async get(path: string): Promise<string> {
    return contentOf(await this.send({ method: 'GET', path }))
  }

  async delete(path: string): Promise<string> {
    return contentOf(await this.send({ method: 'DELETE', path }))
  }

  close(): void {
    this.agent.destroy()
  }

  /** Resolves when attached; `ended` when the container has closed its output. */
  private attach(id: string): Promise<{ readonly ended: Promise<unknown> }> {
    return new Promise((resolve, reject) => {
      const path = `/containers/${id}/attach?stream=1&stdout=1&stderr=1`
      const headers = { Connection: 'Upgrade', Upgrade: 'tcp' }
      const attach = request({ socketPath: this.socketPath, method: 'POST', path, headers })
      attach.on('error', reject)
      attach.on('upgrade', (_, socket) => {
        socket.resume()
        resolve({ ended: once(socket, 'close') })
      })
      attach.end()
    })
  }

  private send(options: RequestOptions, body?: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const payload = body ? JSON.stringify(body) : ''
      const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(payload) }
      const sent = request({ socketPath: this.socketPath, agent: this.agent, headers, ...options })
      sent.on('error', reject)
      sent.on('response', resolve)
      sent.end(payload)
    })
  }
}

async function contentOf(response: IncomingMessage): Promise<string> {
  const content = await text(response)
  if ((response.statusCode ?? 500) >= 400) throw new Error(`dockerd: ${response.statusCode} ${content}`)
  return content
}
