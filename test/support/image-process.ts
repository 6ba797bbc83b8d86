import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const support = fileURLToPath(new URL('image-store.ts', import.meta.url))

/** A Node process that runs the body of an async function, with `images`, `ready()` and `go` on a root that exists. */
export interface ImageProcess {
  readonly child: ChildProcess
  /** The body has called `ready()`. */
  readonly ready: Promise<void>
  /** Lets the body's `await go` continue. */
  go(): void
  /** Its exit code, undefined when it was killed. */
  readonly ended: Promise<number | undefined>
}

export function startImageProcess(root: string, body: string): ImageProcess {
  const program = `
    import { openStore } from ${JSON.stringify(support)}
    const { images } = await openStore(${JSON.stringify(root)})
    const ready = () => process.send('ready')
    const go = new Promise((resolve) => process.once('message', resolve))
    ${body}
    process.disconnect()
  `
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  return {
    child,
    ready: once(child, 'message').then(() => {}),
    go: () => child.send('go'),
    ended: once(child, 'exit').then(([code]) => code ?? undefined),
  }
}
