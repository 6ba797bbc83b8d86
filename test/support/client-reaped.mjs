// node client-reaped.mjs CONTEXT: makes a container, a network and an image with testcontainers, says their names as JSON, and
// stays until it is killed.

import { GenericContainer, Network } from 'testcontainers'

const network = await new Network().start()
const image = await GenericContainer.fromDockerfile(process.argv[2] ?? '').build('reaped:1')
const container = await image.withNetwork(network).withCommand(['sleep', '1000']).start()
console.log(JSON.stringify({ container: container.getId(), network: network.getName(), image: 'reaped:1' }))
setInterval(() => {}, 1e6)
