// Builds an image from a Dockerfile, with its steps in the terminal as they go; again from the cache; and as plain files:
//
//   npx tsx examples/build.ts
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { type BuildEvent, Engine } from 'inboard'
import { createLogUpdate } from 'log-update'

const dockerfile = `
FROM debian AS words
RUN for word in from a container; do echo $word | tee -a /words; sleep 0.2; done

FROM debian AS names
ARG NAME=world
RUN echo "hello, $NAME" | tee /name

FROM debian
COPY --from=names /name /
COPY --from=words /words /
MAINTAINER nobody
CMD ["cat", "/name", "/words"]
`

const marks = { started: '…', cached: '=', done: '✓', failed: '✗' } as const

/** Shows the steps as they stand, each with its last line of output; where there is no terminal, a line for each that has ended. */
async function show(events: AsyncIterable<BuildEvent>, stream: NodeJS.WriteStream): Promise<void> {
  const steps = new Map<string, { name: string; mark: string; output: string }>()
  const redraw = createLogUpdate(stream)
  const print = (line: string) => void (stream.isTTY ? redraw.persist(line) : stream.write(`${line}\n`))
  for await (const event of events) {
    if (event.kind === 'step') {
      const { id, name } = event.step
      const mark = marks[event.status]
      steps.set(id, { name, mark, output: steps.get(id)?.output ?? '' })
      if (!stream.isTTY && event.status !== 'started') print(`${mark} ${name}`)
    }
    if (event.kind === 'log') {
      const step = steps.get(event.step.id)
      // What a program writes may move the cursor.
      if (step) step.output = stripVTControlCharacters(event.data.toString()).trim().split('\n').at(-1) ?? ''
    }
    if (event.kind === 'warning')
      print(`! ${event.finding.rule}, line ${event.finding.lines.first}: ${event.finding.message}`)
    const lines = [...steps.values()].map(({ name, mark, output }) => `${mark} ${name}  ${mark === '…' ? output : ''}`)
    if (stream.isTTY) redraw(lines.join('\n'))
  }
  redraw.done()
}

await using engine = await Engine.open()
const build = engine.build().dockerfile(dockerfile).buildArg('NAME', 'inboard')
// Iterated, a builder tells of the build; awaited, it is the image.
await show(build.tag('greeting'), process.stdout)
process.stdout.write((await engine.run('greeting').rm().output()).stdout)

const began = performance.now()
await build.tag('greeting')
console.log(`again, from the cache, in ${(performance.now() - began).toFixed(0)} ms`)

const out = await mkdtemp(join(tmpdir(), 'inboard-'))
await build.target('names').output({ type: 'local', dest: out })
console.log(`as files: ${(await readFile(join(out, 'name'), 'utf8')).trim()}`)
await rm(out, { recursive: true })
