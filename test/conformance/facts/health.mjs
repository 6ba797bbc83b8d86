// Records what Docker tells of health checks: node test/conformance/facts/health.mjs > test/conformance/facts/health.json
import { execFileSync } from 'node:child_process'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

const socketPath = process.env.DOCKER_HOST?.replace('unix://', '') ?? '/tmp/oracle/docker.sock'
const env = { ...process.env, DOCKER_HOST: `unix://${socketPath}` }
const name = 'health-facts'

const docker = (...words) =>
  execFileSync('docker', words, { env, stdio: ['ignore', 'pipe', 'ignore'] })
    .toString()
    .trim()
const remove = () => docker('rm', '-f', name)

function api(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' }
    const call = request({ socketPath, method, path, headers }, async (answer) => {
      const text = (await answer.setEncoding('utf8').toArray()).join('')
      resolve(text && JSON.parse(text))
    })
    call.once('error', reject)
    call.end(body && JSON.stringify(body))
  })
}

const create = (image, Healthcheck) =>
  api('POST', `/v1.41/containers/create?name=${name}`, { Image: image, Cmd: ['sleep', '1000'], Healthcheck })
const healthNow = async () => (await api('GET', `/v1.41/containers/${name}/json`)).State.Health ?? null

async function until(isIt) {
  for (let health = await healthNow(); ; health = await healthNow()) {
    if (isIt(health)) return health
    await delay(50)
  }
}

/** The result of a check, and what is told of it: of the first one. */
async function resultOf(test, timeout = 30_000) {
  const { Id } = await create('busybox', { Test: test, Interval: 200e6, Timeout: timeout * 1e6, Retries: 1 })
  docker('start', Id)
  const { Status, Log } = await until(({ Log }) => Log.length > 0)
  await delay(500)
  const end = String(Date.now() / 1000 + 0.2)
  const words = ['--since', '1h', '--until', end, '--filter', `container=${Id}`, '--format', '{{json .Action}}']
  const told = docker('events', ...words)
  remove()
  const actions = told.split('\n').map((line) => JSON.parse(line))
  const first = actions.findIndex((action) => action.startsWith('exec_create'))
  const next = actions.indexOf(actions[first], first + 1)
  const [{ ExitCode, Output }] = Log
  return { test, timeout, Status, ExitCode, Output, events: actions.slice(first, next < 0 ? undefined : next) }
}

async function life() {
  const stages = {}
  await create('busybox', { Test: ['CMD-SHELL', 'test -f /ok'], Interval: 300e6, Retries: 1 })
  const note = async (stage) => {
    const health = await healthNow()
    stages[stage] = health && { Status: health.Status, FailingStreak: health.FailingStreak, checks: health.Log.length }
  }
  await note('created')
  docker('start', name)
  await note('started')
  docker('exec', name, 'touch', '/ok')
  await until(({ Status, Log }) => Status === 'healthy' && Log.length >= 5)
  docker('pause', name)
  await note('paused')
  docker('unpause', name)
  await note('unpaused')
  await until(({ Status }) => Status === 'healthy')
  docker('stop', '-t', '0', name)
  await note('stopped')
  docker('start', name)
  await note('started again')
  remove()
  return stages
}

/** Of an image with `ofImage`. */
const ofImage = { Test: ['CMD-SHELL', 'echo hi'], Interval: 7e9, Timeout: 3e9, Retries: 9 }

async function merged(image, Healthcheck) {
  await create(image, Healthcheck)
  const { Config } = await api('GET', `/v1.41/containers/${name}/json`)
  remove()
  return Config.Healthcheck ?? null
}

const instruction = 'HEALTHCHECK --interval=7s --timeout=3s --retries=9 CMD echo hi'
docker('rm', '-f', name)
docker('create', '--name', name, 'busybox')
docker('commit', '--change', instruction, name, name)
remove()

const healthchecks = [{ Retries: 2 }, { Test: ['CMD', 'x'] }, { Test: ['NONE'] }, { Interval: 1e9, StartPeriod: 3e6 }]
const results = [
  await resultOf(['CMD-SHELL', 'echo out; echo err >&2']),
  await resultOf(['CMD', 'sh', '-c', 'exit 3']),
  await resultOf(['CMD', 'printf', 'a\\377b\\nc']),
  await resultOf(['CMD-SHELL', 'yes | head -c 5000']),
  await resultOf(['CMD', '/nope', 'x']),
  await resultOf(['CMD', 'nope']),
  await resultOf(['CMD', '/etc/passwd']),
  await resultOf(['CMD', 'sleep', '100'], 1500),
]
const merges = []
for (const healthcheck of [undefined, ...healthchecks])
  merges.push({ healthcheck: healthcheck ?? null, merged: await merged(name, healthcheck) })
const stages = await life()
docker('rmi', name)
process.stdout.write(`${JSON.stringify({ results, ofImage, merges, life: stages }, null, 2)}\n`)
