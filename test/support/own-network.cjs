// Loaded before anything else of a process (`node --require`): it gets a network namespace of its own, with its loopback up,
// before there are other threads or child processes, so that all of them are in it. What it starts in turn, also with this
// option, stays there.
const { readlinkSync } = require('node:fs')
const { join } = require('node:path')

const addon = join(__dirname, '..', '..', 'build', 'Release', 'inboard.node')
const network = () => readlinkSync('/proc/thread-self/ns/net')

function enterOwnNetwork() {
  const { enterNetwork } = require(addon)
  if (!enterNetwork) throw new Error(`${addon} is of another version`)
  enterNetwork()
}

if (process.env.INBOARD_OWN_NETWORK !== network()) {
  try {
    enterOwnNetwork()
  } catch (error) {
    const how = error.code === 'EPERM' ? 'run it as root' : 'npm run build:native'
    // Going on would be going on in the network of the machine.
    process.stderr.write(
      `own-network.cjs: no network namespace for process ${process.pid}: ${error.message}\n  ${how}\n`,
    )
    process.exit(1)
  }
  process.env.INBOARD_OWN_NETWORK = network()
}
