// A registry of one's own, to which an image is pushed and from which it is pulled again.
//
//   npx tsx examples/private-registry.ts
import { Engine, type ImageProgress } from 'inboard'
import { http } from 'inboard/wait'

await using engine = await Engine.open()
await using scope = engine.scope()

/** A line for each layer that is on its place. */
async function report(progress: AsyncIterable<ImageProgress>): Promise<void> {
  for await (const event of progress) {
    if (event.kind === 'layer' && event.status === 'done') console.log(`  layer ${event.layer.slice(7, 19)}`)
    if (event.kind === 'image') console.log(`  ${event.digest}`)
  }
}

// docker run -d -p 127.0.0.1::5000 registry:2
const registry = await scope
  .run('registry:2')
  .publish('127.0.0.1::5000')
  .waitFor(http('/v2/', { port: 5000 }))
const [host] = await registry.port(5000)

// docker tag debian 127.0.0.1:49153/mine:1; docker push. Plain HTTP is spoken with loopback only.
const name = `${host}/mine:1`
await engine.build().dockerfile('FROM debian\nRUN echo hello from the registry >/greeting\nCMD cat /greeting').tag(name)
console.log('pushed')
await report(engine.images.push(name))
console.log(
  `the registry has ${await engine.images.catalog(`${host}`)}, with the tags ${await engine.images.tags(`${host}/mine`)}`,
)

// docker rmi; docker pull
await engine.images.remove(name)
console.log('pulled')
await report(engine.pull(name))
console.log((await engine.run(name).rm().output()).stdout.trim())
await engine.images.remove(name)
