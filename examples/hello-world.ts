// Hello world, as the tutorials begin: once to the end, then in the background, looked at and stopped.
//
//   npx tsx examples/hello-world.ts
import { Engine } from 'inboard'

await using engine = await Engine.open()

// docker run --rm debian echo "Hello World". The image is pulled when it is missing; an exit code is a result, never an error.
const { stdout, exitCode } = await engine.run('debian', ['echo', 'Hello World']).rm().output()
console.log(`it says ${stdout.trim()}, and ends with ${exitCode}`)

// docker run -d debian /bin/sh -c "while true; do echo hello world; sleep 1; done"
const program = 'while true; do echo hello world; sleep 0.1; done'
const hello = await engine.run('debian', ['/bin/sh', '-c', program]).init()
try {
  const [line] = await engine.containers.list({ filters: { id: hello.id } })
  console.log(`${line?.name} runs: ${line?.status.startsWith('Up')}`)

  // docker logs -f
  let greetings = 0
  for await (const { text } of hello.logs({ follow: true })) {
    console.log(text.trim())
    if (++greetings === 3) break
  }
  await hello.stop()
  console.log(`stopped, it is ${(await hello.inspect()).State.Status}`)
} finally {
  await hello.remove({ force: true })
}
