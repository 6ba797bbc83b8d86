import { execute, type Workspace } from '../workspace.js'
import { apart } from './coprocess.js'
import { floorCommand } from './floor.js'

/** What the floor program says about `count` sleeping containers, started one after the other. */
export async function floorScale(workspace: Workspace, count: number): Promise<string> {
  const { stdout } = await execute('unshare', apart([...(await floorCommand(workspace)), '-S', String(count)]))
  const lines = stdout.split('\n').filter((line) => /running after|shim Rss|^teardown/.test(line))
  return ['\nfloor (C program), one after the other', ...lines].join('\n')
}

/** Runs of `true` a second of the floor with `width` starters. */
export async function floorThroughput(workspace: Workspace, runs: number, width: number): Promise<number> {
  const counts = ['-n', String(runs), '-c', String(width)]
  const { stdout } = await execute('unshare', apart([...(await floorCommand(workspace)), ...counts]))
  return Number(/: (\d+) runs\/s/.exec(stdout)?.[1])
}
