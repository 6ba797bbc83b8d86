import { api } from './api.js'
import { build } from './build.js'
import { fixtures } from './fixtures.js'
import { images } from './images.js'
import { lifecycle } from './lifecycle.js'
import { network } from './network.js'
import { isInOwnNetwork, runAgainInOwnNetwork } from './own-network.js'
import { scale } from './scale.js'
import { start } from './start.js'
import { volumes } from './volumes.js'

const benches: Readonly<Record<string, (options: readonly string[]) => Promise<void>>> = {
  start,
  scale,
  images,
  network,
  volumes,
  lifecycle,
  build,
  api,
  fixtures,
}

const [name = '', ...options] = process.argv.slice(2)
const bench = benches[name]
if (!bench) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join('|')} [options]`)
  process.exitCode = 2
} else if (process.geteuid?.() !== 0) {
  console.error('the benches make containers: run them as root')
  process.exitCode = 2
} else if (!isInOwnNetwork()) {
  process.exitCode = await runAgainInOwnNetwork()
} else {
  await bench(options)
}
