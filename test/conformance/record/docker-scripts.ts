// Records facts/docker-NAME.json: what the scripts of support/docker-scripts show with a real Docker daemon, for each client.
//   npx tsx test/conformance/record/docker-scripts.ts [NAME...]     CLIENTS=/usr/bin/docker,/usr/local/bin/docker
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Followed, Script, Target } from '../../support/docker-script.js'
import { startRegistries } from '../../support/docker-script-registries.js'
import { follow } from '../../support/docker-script-runner.js'
import { scripts } from '../../support/docker-scripts/index.js'
import { startDockerDaemon } from './docker-daemon.js'

const clients = (process.env.CLIENTS ?? '/usr/bin/docker,/usr/local/bin/docker').split(',')
const wanted = process.argv.slice(2)
for (const name of wanted) if (!scripts.some((script) => script.name === name)) throw new Error(`no script ${name}`)

for (const script of scripts) {
  if (wanted.length > 0 && !wanted.includes(script.name)) continue
  const file = fileURLToPath(new URL(`../facts/docker-${script.name}.json`, import.meta.url))
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { clients: {} }
  for (const client of clients) {
    const version = execFileSync(client, ['version', '--format', '{{.Client.Version}}'], {
      encoding: 'utf8',
      env: { DOCKER_HOST: 'unix:///tmp/oracle/docker.sock' },
    }).trim()
    const began = performance.now()
    const followed = await record(script, client)
    console.log(`${script.name} ${version}: ${followed.length} steps, ${Math.round(performance.now() - began)} ms`)
    for (const { run, problem } of followed) if (problem !== undefined) console.log(`  ${run}\n    ${problem}`)
    known.clients[version.split('.').slice(0, 2).join('.')] = followed.map(({ problem: _, ...step }) => step)
  }
  known.from = 'Docker 20.10.24; names as in support/docker-script-names.ts'
  const { from, clients: recorded } = known
  writeFileSync(file, `${JSON.stringify({ from, clients: recorded }, undefined, 2)}\n`)
}

async function record(script: Script, client: string): Promise<Followed[]> {
  const programs = mkdtempSync('/tmp/ib-client-')
  symlinkSync(client, join(programs, 'docker'))
  try {
    await using daemon = await startDockerDaemon()
    const env = { DOCKER_HOST: `unix://${daemon.socket}`, PATH: `${programs}:${process.env.PATH}` }
    const prefix = ['nsenter', `--net=/proc/${daemon.pid}/ns/net`]
    const target: Target = { env, prefix, places: { [daemon.root]: '<root>', [daemon.socket]: '<socket>' } }
    if (!script.registries) return await follow(script, target)
    await using registries = await startRegistries(target, daemon.pid)
    const places = { ...target.places, ...registries.places }
    return await follow(script, { ...target, env: { ...env, ...registries.env }, places })
  } finally {
    rmSync(programs, { recursive: true })
  }
}
