// npm's install script: takes the prebuilt addon where it works on this host, builds it otherwise.
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { programs, root } from './native.mjs'

/** Whether the prebuilt addon can be loaded here is found out by loading it: that covers libc, Node and architecture. */
function hasPrebuild() {
  const directory = join(root, 'prebuilds', `linux-${process.arch}`)
  if (!programs.every((name) => existsSync(join(directory, name)))) return false
  const require = createRequire(import.meta.url)
  return readdirSync(directory).some((name) => {
    try {
      return name.endsWith('.node') && Boolean(require(join(directory, name)))
    } catch (error) {
      console.log(`inboard: the prebuilt ${name} does not work here (${error.message}), building instead`)
      return false
    }
  })
}

if (process.platform !== 'linux') {
  console.log(`inboard: nothing is built on ${process.platform}; Engine.open() works on Linux only`)
} else if (hasPrebuild()) {
  console.log('inboard: using the prebuilt addon')
} else {
  await import('./build-native.mjs')
}
