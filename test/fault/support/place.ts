import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tar } from '../../support/archives.js'
import { busyboxForm } from '../../support/images.js'
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

/** An image with programs, and the tar of a small root filesystem. */
export async function archivesIn({ directory }: Place): Promise<User['archives']> {
  const rootfs = `${directory}/rootfs.tar`
  writeFileSync(rootfs, await tar({ 'etc/': '', 'etc/motd': 'hello\n' }))
  return { image: busyboxForm('dockerArchive'), rootfs }
}
