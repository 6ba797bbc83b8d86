// A shell in a container, on this terminal, as `docker run -it --rm debian`:
//
//   npx tsx examples/shell.ts [IMAGE [COMMAND...]]
//   npx tsx examples/shell.ts --attach NAME
//
// The keys ctrl-p ctrl-q let go of it: it runs on, and --attach comes back to it.
import { Engine } from 'inboard'

const [first = 'debian', ...rest] = process.argv.slice(2)
const { stdin, stdout } = process

await using engine = await Engine.open()
const container =
  first === '--attach'
    ? await engine.containers.get(rest[0] ?? '')
    : await engine
        .run(first, rest.length > 0 ? rest : undefined)
        .tty()
        .interactive()
        .rm()
        .create()

// With sigProxy the size of this terminal is the program's, whenever it changes.
const io =
  first === '--attach'
    ? await container.attach({ sigProxy: true })
    : await container.startAttached({ rows: stdout.rows, columns: stdout.columns, sigProxy: true })

// Every key is the shell's, ctrl-c too, and it echoes them itself.
stdin.setRawMode?.(true)
stdin.pipe(io.stdin)
io.stdout.pipe(stdout)
try {
  if (await io.detached) console.log(`\r\n${container.name} runs on`)
  else process.exitCode = (await io.exit).exitCode
} finally {
  stdin.unpipe(io.stdin)
  stdin.setRawMode?.(false)
  // Else this process would wait for the next key.
  stdin.destroy()
}
