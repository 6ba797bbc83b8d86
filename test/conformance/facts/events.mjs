// Records what Docker tells of short stories: node test/conformance/facts/events.mjs > test/conformance/facts/events.json
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const socketPath = process.env.DOCKER_HOST?.replace('unix://', '') ?? '/tmp/oracle/docker.sock'
const env = { ...process.env, DOCKER_HOST: `unix://${socketPath}` }
const aside = mkdtempSync(join(tmpdir(), 'events-facts-'))
const archive = join(aside, 'archive.tar')

const docker = (...words) => {
  try {
    return execFileSync('docker', words, { env, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch (error) {
    return String(error.stdout).trim()
  }
}
const clean = () => {
  for (const name of docker('ps', '-aq', '--filter', 'name=^/ev-').split('\n').filter(Boolean)) docker('rm', '-f', name)
  for (const name of docker('network', 'ls', '-q', '--filter', 'name=^ev-').split('\n').filter(Boolean))
    docker('network', 'rm', name)
  for (const name of docker('volume', 'ls', '-q', '--filter', 'name=^ev-').split('\n').filter(Boolean))
    docker('volume', 'rm', name)
}

const stories = {
  'run --rm with a volume and a network': () => {
    docker('network', 'create', 'ev-net')
    docker('volume', 'create', 'ev-vol')
    docker(
      'run',
      '--rm',
      '--name',
      'ev-c',
      '--label',
      'tier=db',
      '-v',
      'ev-vol:/v',
      '--network',
      'ev-net',
      'busybox',
      'true',
    )
    docker('network', 'rm', 'ev-net')
    docker('volume', 'rm', 'ev-vol')
  },
  'run -d, renamed, killed and removed': () => {
    docker('run', '-d', '--name', 'ev-c', '-v', '/anonymous', '-v', 'ev-vol:/ro:ro', 'busybox', 'sleep', '100')
    docker('rename', 'ev-c', 'ev-d')
    docker('kill', 'ev-d')
    docker('wait', 'ev-d')
    docker('rm', '-v', 'ev-d')
    docker('volume', 'rm', 'ev-vol')
  },
  'created, started, attached to, started again, removed': () => {
    docker('create', '--name', 'ev-c', '--network', 'none', 'busybox', 'sh', '-c', 'exit 3')
    docker('start', '-a', 'ev-c')
    docker('start', 'ev-c')
    docker('wait', 'ev-c')
    docker('rm', 'ev-c')
  },
  'a program that is not there': () => {
    docker('run', '--name', 'ev-c', '-v', 'ev-vol:/v', 'busybox', '/nonexistent')
    docker('rm', 'ev-c')
    docker('volume', 'rm', 'ev-vol')
  },
  'a program that is not there, with --rm': () => docker('run', '--rm', '--name', 'ev-c', 'busybox', '/nonexistent'),
  'networks while it runs': () => {
    docker('network', 'create', 'ev-net')
    docker('network', 'create', 'ev-net2')
    docker('run', '-d', '--name', 'ev-c', '--network', 'ev-net', 'busybox', 'sleep', '100')
    docker('network', 'connect', 'ev-net2', 'ev-c')
    docker('network', 'disconnect', 'ev-net', 'ev-c')
    docker('rename', 'ev-c', 'ev-d')
    docker('stop', '-t', '0', 'ev-d')
    docker('network', 'disconnect', 'ev-net2', 'ev-d')
    docker('rm', 'ev-d')
    docker('network', 'rm', 'ev-net')
    docker('network', 'rm', 'ev-net2')
  },
  'networks while it does not run': () => {
    docker('network', 'create', 'ev-net')
    docker('create', '--name', 'ev-c', 'busybox', 'true')
    docker('network', 'connect', 'ev-net', 'ev-c')
    docker('network', 'disconnect', 'ev-net', 'ev-c')
    docker('rm', 'ev-c')
    docker('network', 'rm', 'ev-net')
  },
  'restarted on failure': () => {
    docker(
      'run',
      '-d',
      '--name',
      'ev-c',
      '--restart',
      'on-failure:1',
      '-v',
      'ev-vol:/v',
      'busybox',
      'sh',
      '-c',
      'sleep 0.2; exit 3',
    )
    docker('wait', 'ev-c')
    execFileSync('sleep', ['2'])
    docker('rm', '-f', 'ev-c')
    docker('volume', 'rm', 'ev-vol')
  },
  'restarted by hand': () => {
    docker('run', '-d', '--name', 'ev-c', 'busybox', 'sleep', '100')
    docker('restart', '-t', '0', 'ev-c')
    docker('stop', '-t', '0', 'ev-c')
    docker('rm', 'ev-c')
  },
  'stopped by a signal of its own': () => {
    docker('run', '-d', '--name', 'ev-c', '--init', '--stop-signal', 'SIGINT', 'busybox', 'sleep', '100')
    docker('kill', '-s', 'SIGWINCH', 'ev-c')
    docker('stop', 'ev-c')
    docker('rm', 'ev-c')
  },
  paused: () => {
    docker('run', '-d', '--name', 'ev-c', 'busybox', 'sleep', '100')
    docker('pause', 'ev-c')
    docker('unpause', 'ev-c')
    docker('rm', '-f', 'ev-c')
  },
  'verbs on one that runs': () => {
    docker('run', '-d', '--name', 'ev-c', 'busybox', 'sleep', '100')
    docker('exec', 'ev-c', 'sh', '-c', 'exit 4')
    docker('exec', '-d', 'ev-c', 'true')
    execFileSync('sleep', ['1'])
    docker('top', 'ev-c')
    docker('update', '--memory', '64m', '--memory-swap', '64m', 'ev-c')
    docker('export', '-o', archive, 'ev-c')
    docker('cp', 'ev-c:/etc/passwd', archive)
    docker('cp', archive, 'ev-c:/tmp/file')
    docker('commit', '-m', 'why', 'ev-c', 'ev-image:1')
    docker('commit', 'ev-c')
    docker('rm', '-f', 'ev-c')
    docker('rmi', 'ev-image:1')
  },
  'out of memory': () => {
    docker('run', '--name', 'ev-c', '--memory', '8m', 'busybox', 'sh', '-c', 'tail /dev/zero; true')
    docker('rm', 'ev-c')
  },
  'a health check': () => {
    docker(
      'run',
      '-d',
      '--name',
      'ev-c',
      '--health-cmd',
      'test ! -e /sick',
      '--health-interval',
      '300ms',
      '--health-retries',
      '1',
      'busybox',
      'sh',
      '-c',
      'sleep 0.5; touch /sick; sleep 100',
    )
    execFileSync('sleep', ['2'])
    docker('rm', '-f', 'ev-c')
  },
  'images come and go': () => {
    docker('tag', 'busybox', 'ev-image:1')
    docker('tag', 'busybox', 'ev-image:2')
    docker('save', '-o', archive, 'ev-image:1', 'ev-image:2')
    docker('rmi', 'ev-image:1', 'ev-image:2')
    docker('load', '-i', archive)
    docker('rmi', 'ev-image:1', 'ev-image:2')
    docker('run', '--name', 'ev-c', 'busybox', 'true')
    docker('export', '-o', archive, 'ev-c')
    docker('rm', 'ev-c')
    docker('import', '--change', 'LABEL tier=db', archive, 'ev-image:3')
    docker('run', '--rm', '--name', 'ev-c', '--label', 'own=1', 'ev-image:3', 'true')
    docker('tag', 'ev-image:3', 'ev-image:4')
    docker('rmi', 'ev-image:3')
    docker('rmi', 'ev-image:4')
    docker('rmi', docker('import', archive))
    docker('import', archive, 'ev-image:5')
    docker('rmi', '-f', docker('images', '-q', '--no-trunc', 'ev-image:5'))
  },
  prunes: () => {
    docker('network', 'create', '--label', 'ev=1', 'ev-net')
    docker('volume', 'create', '--label', 'ev=1', 'ev-vol')
    docker('create', '--label', 'ev=1', '--name', 'ev-c', '-v', '/anonymous', 'busybox', 'true')
    docker('container', 'prune', '-f', '--filter', 'label=ev=1')
    docker('network', 'prune', '-f', '--filter', 'label=ev=1')
    docker('volume', 'prune', '-f', '--filter', 'label=ev=1')
    docker('run', '--name', 'ev-c', 'busybox', 'touch', '/made')
    docker('commit', '--change', 'LABEL ev=1', 'ev-c')
    docker('rm', 'ev-c')
    docker('image', 'prune', '-f', '--filter', 'label=ev=1')
  },
  "a network of the host, and another container's": () => {
    docker('run', '-d', '--name', 'ev-c', '--network', 'host', 'busybox', 'sleep', '100')
    docker('run', '--rm', '--name', 'ev-d', '--network', 'container:ev-c', 'busybox', 'true')
    docker('rm', '-f', 'ev-c')
  },
}

const events = (query) =>
  new Promise((resolve, reject) => {
    request({ socketPath, path: `/events?${new URLSearchParams(query)}` }, (response) => {
      let text = ''
      response.on('data', (part) => (text += part))
      response.on('end', () =>
        resolve(
          text
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line)),
        ),
      )
    })
      .on('error', reject)
      .end()
  })

/** Others use this daemon, too: what is of the story. */
function ours(all) {
  const containers = new Set()
  const images = new Set()
  const volumes = new Set()
  return all.filter(({ Type, Action, Actor: { ID, Attributes } }) => {
    const { name = '', container = '' } = Attributes
    if (Type === 'container') {
      if (!name.startsWith('ev-') && Action !== 'prune') return false
      containers.add(ID)
      if (Action === 'commit') images.add(Attributes.imageID)
      return true
    }
    if (Type === 'volume' && container && containers.has(container)) volumes.add(ID)
    if (Type === 'volume')
      return ID.startsWith('ev-') || volumes.has(ID) || /^[0-9a-f]{64}$/.test(ID) || Action === 'prune'
    if (Type === 'network') return name.startsWith('ev-') || containers.has(container) || Action === 'prune'
    if (Type === 'image') return true
    return false
  })
}

/** Identifiers become marks in the order of their appearance. */
function marked(list) {
  const marks = new Map()
  const mark = (id, kind) => {
    if (!marks.has(id))
      marks.set(id, `<${kind} ${[...marks.values()].filter((one) => one.startsWith(`<${kind}`)).length + 1}>`)
    return marks.get(id)
  }
  const text = (value) =>
    value
      .replaceAll(/sha256:[0-9a-f]{64}/g, (id) => mark(id, 'image'))
      .replaceAll(/\b[0-9a-f]{64}\b/g, (id) => mark(id, 'id'))
  return list.map(({ Type, Action, Actor: { ID, Attributes }, status, id, from, scope }) => ({
    Type,
    Action,
    ID: text(ID),
    Attributes: Object.fromEntries(Object.entries(Attributes).map(([key, value]) => [key, text(value)])),
    ...(status !== undefined && { status }),
    ...(id !== undefined && { id: text(id) }),
    ...(from !== undefined && { from: text(from) }),
    scope,
  }))
}

const facts = {}
const only = process.argv[2]
for (const [name, story] of Object.entries(stories)) {
  if (only && !name.includes(only)) continue
  clean()
  const since = Date.now() / 1000
  story()
  execFileSync('sleep', ['0.5'])
  facts[name] = marked(ours(await events({ since: since.toFixed(3), until: (Date.now() / 1000).toFixed(3) })))
}
clean()
rmSync(aside, { recursive: true })
console.log(JSON.stringify(facts, null, 1))
