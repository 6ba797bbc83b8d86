import { cpus, loadavg, release, totalmem } from 'node:os'

/** One line about where and when the figures were taken. */
export function printMachine(): void {
  const [load = 0] = loadavg()
  const memory = Math.round(totalmem() / 2 ** 30)
  console.log(
    `Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model}, ${memory} GiB, Node ${process.version}, load ${load.toFixed(2)}`,
  )
}
