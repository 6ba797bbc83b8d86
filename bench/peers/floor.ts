import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { compileProgram, type Workspace } from '../workspace.js'
import { Coprocess } from './coprocess.js'
import type { OpenPeer } from './peer.js'

/** The floor: the same work in plain C with nothing wasted. Its times are its own, taken inside. */
export const openFloor: OpenPeer = (workspace) => openFloorOn(workspace, 'none')

/** The floor with a veth on a bridge, an address and a route; it publishes no port. */
export const openBridgedFloor: OpenPeer = (workspace) => openFloorOn(workspace, 'bridge')

async function openFloorOn(workspace: Workspace, network: 'none' | 'bridge'): ReturnType<OpenPeer> {
  if (!existsSync('/sys/fs/cgroup/memory')) return { skipped: 'the floor needs cgroup v1 hierarchies' }
  const process = new Coprocess([...(await floorCommand(workspace, network)), '-i'])
  workspace.defer(() => process[Symbol.asyncDispose]())
  return { name: `floor (C program), ${network}`, run: () => process.run() }
}

/** What runs the floor, its state beside the workspace's. */
export async function floorCommand(workspace: Workspace, network: 'none' | 'bridge' = 'none'): Promise<string[]> {
  const state = join(workspace.directory, `floor-${network}`)
  return [await compileProgram('floor'), '-N', network, '-r', workspace.rootfs, '-d', state]
}
