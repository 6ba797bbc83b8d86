// Asks a real Docker daemon for each cell of states × verbs, and prints what it answered: states.json.
// Usage: DOCKER_HOST=unix:///tmp/oracle/docker.sock node test/conformance/facts/states.mjs > test/conformance/facts/states.json
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const socketPath = (process.env.DOCKER_HOST ?? '').replace('unix://', '')

/** One exchange. What does not end by itself is cut off once it has answered; what does not answer waits. */
function ask(method, path, body, { patienceMs = 20_000 } = {}) {
  return new Promise((resolve, reject) => {
    const isTar = Buffer.isBuffer(body)
    const content = isTar ? body : JSON.stringify(body ?? {})
    const headers = {
      'Content-Type': isTar ? 'application/x-tar' : 'application/json',
      'Content-Length': content.length,
    }
    if (method === 'GET') delete headers['Content-Length']
    const exchange = request({ socketPath, method, path: `/v1.41${path}`, headers }, (response) => {
      const isEndless = /attach|export|archive/.test(path) && response.statusCode < 300
      if (isEndless) {
        exchange.destroy()
        return resolve({ status: response.statusCode })
      }
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        clearTimeout(timer)
        const text = Buffer.concat(chunks).toString()
        let value
        try {
          value = JSON.parse(text)
        } catch {}
        resolve({
          status: response.statusCode,
          value,
          ...(response.statusCode >= 400 && { message: value?.message ?? text }),
        })
      })
      response.on('error', () => resolve({ status: 'waits' }))
    })
    exchange.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode })
    })
    const timer = setTimeout(() => {
      resolve({ status: 'waits' })
      exchange.destroy()
    }, patienceMs)
    exchange.on('error', (error) => (error.code === 'ECONNRESET' ? resolve({ status: 'waits' }) : reject(error)))
    exchange.end(method === 'GET' ? undefined : content)
  })
}

const short = { patienceMs: 700 }
const emptyTar = Buffer.alloc(1024)
const verbs = {
  start: (id) => ask('POST', `/containers/${id}/start`),
  stop: (id) => ask('POST', `/containers/${id}/stop?t=0`),
  restart: (id) => ask('POST', `/containers/${id}/restart?t=0`),
  kill: (id) => ask('POST', `/containers/${id}/kill`),
  signal: (id) => ask('POST', `/containers/${id}/kill?signal=HUP`),
  pause: (id) => ask('POST', `/containers/${id}/pause`),
  unpause: (id) => ask('POST', `/containers/${id}/unpause`),
  async exec(id) {
    const made = await ask('POST', `/containers/${id}/exec`, { Cmd: ['true'] })
    return made.status === 201 ? ask('POST', `/exec/${made.value.Id}/start`, { Detach: true }) : made
  },
  attach: (id) => ask('POST', `/containers/${id}/attach?stream=1&stdout=1`, undefined, short),
  rename: (id) => ask('POST', `/containers/${id}/rename?name=states-renamed-${id.slice(0, 12)}`),
  update: (id) => ask('POST', `/containers/${id}/update`, { CpuShares: 512 }),
  'update restart': (id) => ask('POST', `/containers/${id}/update`, { RestartPolicy: { Name: 'unless-stopped' } }),
  remove: (id) => ask('DELETE', `/containers/${id}`),
  'remove force': (id) => ask('DELETE', `/containers/${id}?force=1`),
  commit: (id) => ask('POST', `/commit?container=${id}`),
  export: (id) => ask('GET', `/containers/${id}/export`),
  copyFrom: (id) => ask('GET', `/containers/${id}/archive?path=/etc/passwd`),
  copyTo: (id) => ask('PUT', `/containers/${id}/archive?path=/etc`, emptyTar),
  'wait not-running': (id) => ask('POST', `/containers/${id}/wait?condition=not-running`, undefined, short),
  'wait next-exit': (id) => ask('POST', `/containers/${id}/wait?condition=next-exit`, undefined, short),
  'wait removed': (id) => ask('POST', `/containers/${id}/wait?condition=removed`, undefined, short),
  top: (id) => ask('GET', `/containers/${id}/top`),
  stats: (id) => ask('GET', `/containers/${id}/stats?stream=0&one-shot=1`),
  logs: (id) => ask('GET', `/containers/${id}/logs?stdout=1`),
  resize: (id) => ask('POST', `/containers/${id}/resize?h=24&w=80`),
}

let made = 0
async function create(command, hostConfig = {}) {
  const name = `states-${process.pid}-${made++}`
  const { value } = await ask('POST', `/containers/create?name=${name}`, {
    Image: 'busybox',
    Cmd: command,
    Tty: true,
    HostConfig: hostConfig,
  })
  return value.Id
}
const inspect = async (id) => (await ask('GET', `/containers/${id}/json`)).value
const until = async (id, test) => {
  for (;;) {
    const document = await inspect(id)
    if (test(document)) return document
    await delay(20)
  }
}
async function started(command, hostConfig) {
  const id = await create(command, hostConfig)
  await verbs.start(id)
  return id
}
async function ended() {
  const id = await started(['sh', '-c', 'exit 3'])
  await until(id, ({ State }) => State.Status === 'exited')
  return id
}
const upper = async (id) => (await inspect(id)).GraphDriver.Data.UpperDir
const immutable = async (id, sign) => execFileSync('chattr', [`${sign}i`, `${await upper(id)}/kept`])

const states = {
  created: () => create(['sleep', '1000']),
  running: () => started(['sleep', '1000']),
  async paused() {
    const id = await started(['sleep', '1000'])
    await verbs.pause(id)
    return id
  },
  async restarting() {
    const id = await started(['sh', '-c', 'exit 3'], { RestartPolicy: { Name: 'always' } })
    await until(id, ({ State, RestartCount }) => State.Restarting && RestartCount >= 5)
    return id
  },
  exited: ended,
  async dead() {
    const id = await ended()
    writeFileSync(`${await upper(id)}/kept`, '')
    await immutable(id, '+')
    await verbs.remove(id)
    return id
  },
  /** Its files take a while to go. */
  async removing() {
    const id = await ended()
    const directory = await upper(id)
    for (let d = 0; d < 80; d++) {
      mkdirSync(`${directory}/many${d}`)
      for (let f = 0; f < 1000; f++) writeFileSync(`${directory}/many${d}/${f}`, '')
    }
    void verbs.remove(id)
    await until(id, ({ State }) => State.Status === 'removing')
    return id
  },
}

const answers = {}
for (const [state, prepare] of Object.entries(states)) {
  answers[state] = {}
  for (const [verb, act] of Object.entries(verbs)) {
    const id = await prepare()

    const { status, message, value } = await act(id)
    const after = (await inspect(id))?.State?.Status ?? 'removed'
    const text = message
      ?.replaceAll(id, 'ID')
      .replaceAll(/states-\d+-\d+/g, 'NAME')
      .trimEnd()
    answers[state][verb] = { status, ...(text !== undefined && { message: text }), after }
    if (verb === 'commit' && status === 201) await ask('DELETE', `/images/${value.Id}?force=1`)
    process.stderr.write(`${state} ${verb} ${status} ${text ?? ''} → ${after}\n`)
    if (state === 'dead') await immutable(id, '-').catch(() => {})
    await verbs['remove force'](id)
  }
}
process.stdout.write(`${JSON.stringify(answers, undefined, 2)}\n`)
