import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tar } from '../../support/archives.js'
import type { TestEngine } from '../../support/engine.js'
import { busyboxForm } from '../../support/images.js'
import { ScriptedRegistry } from '../../support/scripted-registry.js'
import type { Roots, User } from './scenario.js'

/** Directories of a root that nobody has opened yet; removed when disposed of. */
export interface Place extends Disposable {
  readonly directory: string
  readonly roots: Roots
}

export function newPlace(): Place {
  const directory = mkdtempSync('/tmp/ib-')
  return {
    directory,
    roots: { root: `${directory}/root`, runRoot: `${directory}/run` },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

export const rootsOf = ({ engine }: TestEngine): Roots => ({ root: engine.root, runRoot: engine.runRoot })

/** An image with programs, and the tar of a small root filesystem. */
export async function archivesIn({ directory }: Place): Promise<Omit<User['archives'], 'repository'>> {
  const rootfs = `${directory}/rootfs.tar`
  writeFileSync(rootfs, await tar({ 'etc/': '', 'etc/motd': 'hello\n' }))
  return { image: busyboxForm('dockerArchive'), rootfs }
}

/** A repository of a registry that ends when it is disposed of. */
export async function startRepository(): Promise<{ readonly repository: string } & AsyncDisposable> {
  const registry = await ScriptedRegistry.start()
  for (const tag of ['latest', 'same']) await registry.addImage('test/pulled', { tag })
  return {
    repository: `${registry.host}/test/pulled`,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}
