import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Target } from './docker-script.js'
import { startRegistry } from './registry.js'

/** What answers a search, in the words of the protocol that Docker Hub's index speaks. */
const found = [
  { name: 'erikap/ruby-sinatra', description: 'Docker for hosting Sinatra apps', star_count: 12, is_automated: true },
  {
    name: 'semtech/mu-sinatra-template',
    description: 'Template for running Ruby/Sinatra microservices in the mu.semte.ch family',
    star_count: 2,
    is_automated: true,
  },
  { name: 'sinatra', description: 'The official one', star_count: 465, is_official: true },
  { name: 'training/sinatra', description: 'Sinatra training image', star_count: 0 },
].map((result) => ({ is_official: false, is_automated: false, ...result }))

/** A program that serves them at a free port of loopback, and prints the address. */
const index = `
const server = require('node:http').createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://index')
  const query = searchParams.get('q') ?? ''
  const results = ${JSON.stringify(found)}.filter(({ name }) => name.includes(query))
  const answers = { '/v1/_ping': true, '/v1/search': { num_results: results.length, query, results } }
  const answer = answers[pathname]
  response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(answer ?? {}))
})
server.listen(0, '127.0.0.1', () => console.log('127.0.0.1:' + server.address().port))
`

/** The registries of a script, on the daemon's loopback; gone when they are disposed of. */
export interface ScriptRegistries extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>
  readonly places: Readonly<Record<string, string>>
}

/** @param pid of a process on the daemon's host, when that is not this one's */
export async function startRegistries({ prefix }: Target, pid?: number): Promise<ScriptRegistries> {
  const hub = await startRegistry()
  const own = await startRegistry({ login: { username: 'docker', password: 'secret' } })
  if (pid !== undefined) for (const registry of [hub, own]) await registry.serveIn(pid)
  const [program = '', ...args] = [...prefix, process.execPath, '--eval', index]
  const searched = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [address] = await once(searched.stdout, 'data')
  const env = { HUB: hub.host, REGISTRY: own.host, INDEX: String(address).trim() }
  return {
    env,
    places: Object.fromEntries(Object.entries(env).map(([name, host]) => [host, `<${name.toLowerCase()}>`])),
    async [Symbol.asyncDispose]() {
      const ended = once(searched, 'exit')
      searched.kill('SIGKILL')
      await ended
      await hub[Symbol.asyncDispose]()
      await own[Symbol.asyncDispose]()
    },
  }
}
