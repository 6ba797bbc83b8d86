// Runs scripts of package.json at the same time, and prints what each has to say when it has ended. Fails when one does.
import { spawn } from 'node:child_process'

const ends = process.argv.slice(2).map(async (script) => {
  const child = spawn('npm', ['run', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk))
  const status = await new Promise((resolve) => child.once('close', resolve))
  process.stdout.write(Buffer.concat(output))
  return status
})
if ((await Promise.all(ends)).some((status) => status !== 0)) process.exitCode = 1
