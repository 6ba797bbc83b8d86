import { readFileSync } from 'node:fs'
import { command, testApi } from './api.js'
import { type Followed, type Script, stepsOf, type Target } from './docker-script.js'
import { Comparison, type Verdict } from './docker-script-comparison.js'
import { differences } from './docker-script-differences.js'
import { startRegistries } from './docker-script-registries.js'
import { follow } from './docker-script-runner.js'

/** What following a script against the socket has come to. */
export interface Outcome {
  readonly followed: readonly Followed[]
  /** What each step is beside Docker's. */
  readonly verdicts: readonly Verdict[]
  /** Steps that are listed as different for a reason, and are not. */
  readonly stale: readonly string[]
  /** What is left on the host when everything has been removed. */
  readonly left: readonly string[]
}

/** Follows a script with the `docker` on PATH, and compares each step with what Docker shows that client. */
export async function compareWithDocker(script: Script): Promise<Outcome> {
  const { followed, left } = await followHere(script)
  const { version, facts } = factsOf(script, await clientVersion())
  const comparison = new Comparison(script.name, version, differences)
  const verdicts = stepsOf(script).map((step, at) => {
    const [ours, fact] = [followed[at], facts[at]]
    if (!ours || fact?.run !== step.run) throw new Error(`${script.name} is not what was recorded: ${step.run}`)
    return comparison.compare(step, ours, fact)
  })
  return { followed, verdicts, stale: staleOf(script, version, verdicts), left }
}

/** A step that is done several times may differ in one of them only. */
function staleOf(script: Script, client: string, verdicts: readonly Verdict[]): string[] {
  const needed = new Set(
    stepsOf(script).flatMap(({ run }, at) => (verdicts[at]?.explained ?? []).map((why) => `${run}: ${why}`)),
  )
  return differences
    .filter((one) => one.script === script.name && (one.client ?? client) === client)
    .flatMap(({ steps, why }) => steps.map((run) => `${run}: ${why}`))
    .filter((listed) => !needed.has(listed))
}

async function followHere(script: Script) {
  await using api = await testApi([])
  const target: Target = {
    env: api.env,
    prefix: [],
    places: { [api.engine.root]: '<root>', [api.socket]: '<socket>' },
  }
  const followed = await followWith(script, target)
  for (const { id } of await api.engine.containers.list({ all: true }))
    await (await api.engine.containers.get(id)).remove({ force: true, volumes: true })
  await api.engine.networks.prune()
  await api.engine.volumes.prune({ all: true })
  return { followed, left: await api.leaks() }
}

async function followWith(script: Script, target: Target): Promise<Followed[]> {
  if (!script.registries) return follow(script, target)
  await using registries = await startRegistries(target)
  const env = { ...target.env, ...registries.env }
  return await follow(script, { ...target, env, places: { ...target.places, ...registries.places } })
}

async function clientVersion(): Promise<string> {
  const { stdout } = await command('docker', ['version', '--format', '{{.Client.Version}}'], {
    env: { DOCKER_HOST: 'unix:///nobody-is-there' },
  })
  return stdout
}

/** Of the client's version, or of the one that is nearest to it. */
function factsOf({ name }: Script, client: string): { version: string; facts: readonly Followed[] } {
  const file = new URL(`../conformance/facts/docker-${name}.json`, import.meta.url)
  const { clients } = JSON.parse(readFileSync(file, 'utf8')) as { clients: Record<string, Followed[]> }
  const major = (version: string) => Number.parseInt(version, 10)
  const distance = (version: string) => Math.abs(major(version) - major(client))
  const [version = ''] = Object.keys(clients).sort((one, other) => distance(one) - distance(other))
  return { version, facts: clients[version] ?? [] }
}
