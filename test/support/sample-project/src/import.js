import { Engine, InboardError } from 'inboard'

// Every entry of the package, and a container.
const entries = await Promise.all(
  ['wait', 'services', 'testing', 'otel'].map((name) => import(`inboard/${name}`).then((entry) => [name, entry])),
)
const engine = await Engine.open()
await engine.images.load(process.env.SAMPLE_BUSYBOX)
const { stdout } = await engine.run('busybox', ['echo', 'hello']).rm().output()
await engine.close()
const isOurs = await engine.containers.get('none').catch((error) => error instanceof InboardError)
console.log(
  JSON.stringify({ stdout, isOurs, entries: entries.map(([name, entry]) => [name, Object.keys(entry).sort()]) }),
)
