import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { compileProgram, type Workspace } from '../workspace.js'
import { Coprocess } from './coprocess.js'
import type { OpenPeer } from './peer.js'

/** The floor: the same work in plain C with nothing wasted. Its times are its own, taken inside. */
export const openFloor: OpenPeer = async (workspace) => {
  if (!existsSync('/sys/fs/cgroup/memory')) return { skipped: 'the floor needs cgroup v1 hierarchies' }
  const process = new Coprocess([...(await floorCommand(workspace)), '-i'])
  workspace.defer(() => process[Symbol.asyncDispose]())
  return { name: 'floor (C program)', run: () => process.run() }
}

/** What runs the floor without a network, its state beside the workspace's. */
export async function floorCommand(workspace: Workspace): Promise<string[]> {
  return [await compileProgram('floor'), '-N', 'none', '-r', workspace.rootfs, '-d', join(workspace.directory, 'floor')]
}
