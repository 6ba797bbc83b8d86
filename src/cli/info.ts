import type { EngineInfo } from '../index.js'
import type { Command } from './command.js'
import { asksForJson, jsonOptions, printJson } from './json.js'
import { rootOptions, withEngine } from './roots.js'
import { binarySize } from './size.js'

/** `inboard info`. */
export const info: Command = {
  words: ['info'],
  summary: 'Tell what a root has, and of the host it is on',
  options: { ...rootOptions, ...jsonOptions },
  async run(given) {
    const isJson = asksForJson(given)
    const document = await withEngine(given, (engine) => engine.info())
    if (isJson) printJson(document)
    else process.stdout.write(lines(document))
    return 0
  },
}

function lines(document: EngineInfo): string {
  const { ContainersRunning, ContainersPaused, ContainersStopped, Plugins } = document
  const rows: readonly (readonly [name: string, value: string | number])[] = [
    ['Server Version', document.ServerVersion],
    ['Root Dir', document.DockerRootDir],
    ['ID', document.ID],
    ['Containers', document.Containers],
    [' Running', ContainersRunning],
    [' Paused', ContainersPaused],
    [' Stopped', ContainersStopped],
    ['Images', document.Images],
    ['Storage Driver', document.Driver],
    ...document.DriverStatus.map(([name, value]) => [` ${name}`, value] as const),
    ['Logging Driver', document.LoggingDriver],
    ['Cgroup Driver', document.CgroupDriver],
    ['Cgroup Version', document.CgroupVersion],
    ['Volume Plugins', Plugins.Volume.join(' ')],
    ['Network Plugins', Plugins.Network.join(' ')],
    ['Log Plugins', Plugins.Log.join(' ')],
    ['Security Options', document.SecurityOptions.map((option) => option.replace('name=', '')).join(' ')],
    ['Kernel Version', document.KernelVersion],
    ['Operating System', document.OperatingSystem],
    ['Architecture', document.Architecture],
    ['CPUs', document.NCPU],
    ['Total Memory', binarySize(document.MemTotal)],
    ['Name', document.Name],
    ...['HttpProxy', 'HttpsProxy', 'NoProxy'].flatMap((name) => {
      const value = document[name as 'HttpProxy']
      return value ? [[name.replace(/(?<=.)(?=[A-Z])/, ' '), value] as const] : []
    }),
  ]
  return [...rows.map(([name, value]) => `${name}: ${value}`), ...document.Warnings, ''].join('\n')
}
