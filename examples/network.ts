// Two programs on a network of their own: one serves, published on a free port of this machine; the other finds it by its name.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Engine } from 'inboard'

const server = `require('node:http').createServer((request, response) => {
  response.end('hello ' + request.socket.remoteAddress)
}).listen(8080, () => console.log('ready'))`
const client = "fetch('http://web:8080').then((response) => response.text()).then(console.log)"

const directory = await mkdtemp(join(tmpdir(), 'inboard-'))
const engine = await Engine.open({ root: join(directory, 'root'), runRoot: join(directory, 'run') })
try {
  await engine.images.fromHost({ executables: [process.execPath], reference: 'node' })
  const network = await engine.networks.create('app').subnet('10.77.0.0/24')
  const web = await engine
    .run('node', [process.execPath, '-e', server])
    .name('web')
    .network('app')
    .publish('127.0.0.1::8080')
  for await (const { text } of web.logs({ follow: true })) if (text.includes('ready')) break

  const byName = await engine.run('node', [process.execPath, '-e', client]).network('app').rm().output()
  console.log(`a neighbour is told: ${byName.stdout.trim()}`)

  const [address] = await web.port('8080/tcp')
  console.log(`this machine is told: ${await (await fetch(`http://${address}`)).text()}`)

  // Elsewhere the name means nothing, until the container comes to the network.
  const lonely = await engine
    .run('node', [process.execPath, '-e', 'setInterval(() => {}, 1000)'])
    .network('none')
    .create()
  await (await engine.networks.get('none')).disconnect(lonely)
  await network.connect(lonely, { ip: '10.77.0.99', alias: 'late' })
  await lonely.start()
  const { stdout } = await lonely.exec([process.execPath, '-e', client])
  console.log(`who came later is told: ${stdout.trim()}`)
  for (const { Name, IPv4Address } of Object.values((await network.inspect()).Containers))
    console.log(`on the network: ${Name} at ${IPv4Address}`)
} finally {
  for (const { id } of await engine.containers.list({ all: true }))
    await (await engine.containers.get(id)).remove({ force: true })
  await engine.networks.prune()
  await engine.close()
  await rm(directory, { recursive: true, force: true })
}
