// Records facts/image-requests.json: what a real Docker daemon answers to the requests of support/image-requests.ts.
//   npx tsx test/conformance/record/image-requests.ts
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startRegistry } from '../../support/registry.js'
import { askForImages, imageRequests, rootfs } from '../support/image-requests.js'
import { startDockerDaemon } from './docker-daemon.js'

const facts = fileURLToPath(new URL('../facts/image-requests.json', import.meta.url))
await using daemon = await startDockerDaemon()
await using registry = await startRegistry()
await registry.serveIn(daemon.pid)
const answers = await askForImages(daemon.socket, registry.host, await rootfs())
const lines = answers.map((answer, at) => JSON.stringify({ ask: imageRequests[at]?.ask, ...answer }))
writeFileSync(facts, `[\n${lines.join(',\n')}\n]\n`)
