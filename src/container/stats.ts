import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerRecord } from '../store/containers.js'
import { linkedSignal } from './abortable.js'
import type { ContainerContext } from './context.js'
import { rfc3339 } from './inspect-state.js'
import { observe } from './observe.js'
import { readOrNothing } from './processes.js'
import { settle } from './settle.js'
import { readCgroups } from './stats-cgroups.js'
import { type NetworkStats, noBlkio, noCpu, type StatsDocument } from './stats-document.js'
import { type ContainerStats, figuresOf } from './stats-figures.js'

/** Options of {@link Container.stats}. */
export interface StatsOptions {
  /** A measurement each second, instead of one. Default false. */
  readonly stream?: boolean
  /** At once, without the second that the share of the CPUs is measured over. Default false. */
  readonly oneShot?: boolean
  /** Stops it. */
  readonly signal?: AbortSignal
}

const intervalMs = 1000

/** One measurement, and what the next one needs of it. */
interface Sample {
  readonly document: StatsDocument
  readonly isRunning: boolean
}

/** One measurement, over a second. Of a container that does not run all is 0, at once. */
export async function statsOnce(
  context: ContainerContext,
  id: string,
  { oneShot = false, signal }: StatsOptions,
): Promise<ContainerStats | undefined> {
  const first = await measure(context, id, undefined)
  if (!first || oneShot || !first.isRunning) return first && figuresOf(first.document)
  const stop = linkedSignal(context.closing, signal)
  await pause(intervalMs, stop.signal).finally(stop.unlink)
  const second = await measure(context, id, first)
  return second && figuresOf(second.document)
}

/**
 * A measurement each second, the first one at once, until the container is removed. Who reads slower gets fewer, and always
 * the present.
 */
export async function* statsStream(
  context: ContainerContext,
  id: string,
  { signal }: StatsOptions,
): AsyncGenerator<ContainerStats, void, undefined> {
  const stop = linkedSignal(context.closing, signal)
  let due = performance.now()
  try {
    for (let before = await measure(context, id, undefined); before; before = await measure(context, id, before)) {
      yield figuresOf(before.document)
      due = Math.max(due + intervalMs, performance.now())
      await pause(due - performance.now(), stop.signal)
    }
  } finally {
    stop.unlink()
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
  signal.throwIfAborted()
}

/** Undefined when there is no such container any more. */
async function measure(context: ContainerContext, id: string, before: Sample | undefined): Promise<Sample | undefined> {
  context.closing.throwIfAborted()
  const record = context.containers.get(id)
  const observed = record && (await settle(context, record))
  if (!record || !observed) return undefined
  const names = { name: `/${record.name}`, id }
  if (observed.status !== 'running') return { document: { ...nothing, ...names }, isRunning: false }
  const previous = before?.isRunning ? before.document : nothing
  const host = hostStats()
  const { cpu, memory, pids, blkio } = readCgroups(context.cgroups(id), host.memoryBytes, readOrNothing)
  const networks = networksOf(context, record, observed.pid)
  const document: StatsDocument = {
    ...nothing,
    read: rfc3339(`${Date.now()}000000`),
    preread: previous.read,
    pids_stats: pids,
    blkio_stats: blkio,
    cpu_stats: { ...cpu, system_cpu_usage: host.cpuNs, online_cpus: host.cpus },
    precpu_stats: previous.cpu_stats,
    memory_stats: memory,
    ...names,
    ...(Object.keys(networks).length > 0 && { networks }),
  }
  return { document, isRunning: true }
}

const never = rfc3339(undefined)
const nothing: StatsDocument = {
  read: never,
  preread: never,
  pids_stats: {},
  blkio_stats: noBlkio,
  num_procs: 0,
  storage_stats: {},
  cpu_stats: noCpu,
  precpu_stats: noCpu,
  memory_stats: {},
  name: '',
  id: '',
}

/** Of all CPUs: their time since the boot, and how many there are; and the memory. @see proc_stat(5), proc_meminfo(5) */
function hostStats() {
  const stat = readOrNothing('/proc/stat')
  const [, all = ''] = /^cpu +(.*)$/m.exec(stat) ?? []
  // Up to softirq, as Docker has it: what guests of virtual machines take is in the time of users.
  const ticks = all.split(' ').slice(0, 7).map(Number)
  const [, memoryKb] = /^MemTotal:\s+(\d+)/m.exec(readOrNothing('/proc/meminfo')) ?? []
  return {
    cpuNs: ticks.reduce((sum, value) => sum + value, 0) * 10_000_000,
    cpus: stat.match(/^cpu\d/gm)?.length ?? 1,
    memoryBytes: Number(memoryKb) * 1024,
  }
}

/** Of the interfaces that it was given, by the network namespace of its first process, which is surely this one. */
function networksOf(
  context: ContainerContext,
  record: ContainerRecord,
  pid: number,
): Readonly<Record<string, NetworkStats>> {
  if (record.config.network === 'host') return {}
  const text = readOrNothing(`/proc/${pid}/net/dev`)
  const after = observe(context, record)
  return after.status === 'running' && after.pid === pid ? parseNetDev(text) : {}
}

/** @see proc_pid_net(5) */
export function parseNetDev(text: string): Record<string, NetworkStats> {
  const lines = [...text.matchAll(/^ *(eth\d+): *(.*)$/gm)]
  return Object.fromEntries(
    lines.map(([, name = '', rest = '']) => {
      const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , ...sent] = rest.split(/ +/).map(Number)
      const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = sent
      return [
        name,
        {
          rx_bytes: rxBytes,
          rx_packets: rxPackets,
          rx_errors: rxErrors,
          rx_dropped: rxDropped,
          tx_bytes: txBytes,
          tx_packets: txPackets,
          tx_errors: txErrors,
          tx_dropped: txDropped,
        },
      ]
    }),
  )
}
