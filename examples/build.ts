// Builds an image from a Dockerfile, with what happens on the way in the terminal; checks it; builds it again from the cache:
//
//   npx tsx examples/build.ts
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { type BuildEvent, Engine } from 'inboard'
import { createLogUpdate } from 'log-update'

const dockerfile = `
FROM tools AS words
RUN echo hello >/greeting

FROM tools AS names
ARG NAME=world
RUN echo $NAME >/name

FROM tools
COPY --from=words /greeting /
COPY --from=names /name /
COPY greet.sh /bin/greet
MAINTAINER nobody
CMD ["greet"]
`

interface Step {
  name: string
  state: string
  lastLine: string
}

/** Steps as they stand, each with the last line that it wrote, redrawn with each event; without a terminal a line for each change. */
function createView(stream: NodeJS.WriteStream) {
  const steps = new Map<string, Step>()
  const update = createLogUpdate(stream)
  const marks: Record<string, string> = { started: '…', cached: '=', done: '✓', failed: '✗' }

  const show = (text: string) => {
    if (!stream.isTTY) return void stream.write(`${text}\n`)
    update.clear()
    stream.write(`${text}\n`)
  }
  const draw = () => {
    if (!stream.isTTY) return
    const lines = [...steps.values()].map(({ name, state, lastLine }) =>
      state === 'started' && lastLine !== '' ? `${marks[state]} ${name}\n    ${lastLine}` : `${marks[state]} ${name}`,
    )
    update(lines.join('\n'))
  }

  return {
    add(event: BuildEvent) {
      if (event.kind === 'step') {
        const { id, name } = event.step
        steps.set(id, { name, state: event.status, lastLine: steps.get(id)?.lastLine ?? '' })
        if (!stream.isTTY && event.status !== 'started') show(`${marks[event.status]} ${name}`)
      }
      if (event.kind === 'log') {
        const step = steps.get(event.step.id)
        // What a program writes may move the cursor.
        const [line = ''] = stripVTControlCharacters(event.data.toString()).trim().split('\n').slice(-1)
        if (step) step.lastLine = line
      }
      if (event.kind === 'warning')
        show(`! ${event.finding.rule} (line ${event.finding.lines.first}): ${event.finding.message}`)
      draw()
    },
    end: () => update.done(),
  }
}

const directory = await mkdtemp(join(tmpdir(), 'inboard-'))
const engine = await Engine.open({ root: join(directory, 'root'), runRoot: join(directory, 'run') })
try {
  await engine.images.fromHost({ executables: ['/bin/sh', 'cat'], reference: 'tools' })
  const context = join(directory, 'context')
  await mkdir(context)
  await writeFile(join(context, 'Dockerfile'), dockerfile)
  await writeFile(join(context, 'greet.sh'), '#!/bin/sh\ncat /greeting /name\n', { mode: 0o755 })

  // A builder is immutable: what they have in common is said once.
  const build = engine.build(context).tag('greeting:1').buildArg('NAME', 'inboard')
  for (const { rule, lines, message } of (await build.check()).findings)
    console.log(`${lines.first}: ${rule}: ${message}`)

  const view = createView(process.stdout)
  for await (const event of build) view.add(event)
  view.end()
  const image = await build
  console.log(`built ${image.references.join(', ')}`)
  process.stdout.write((await engine.run('greeting:1').rm().output()).stdout)

  const began = performance.now()
  const again = await engine.build(context).tag('greeting:1').buildArg('NAME', 'inboard')
  console.log(
    `again in ${(performance.now() - began).toFixed(0)} ms: ${again.id === image.id ? 'the same image' : 'another one'}`,
  )

  await engine
    .build(context)
    .buildArg('NAME', 'files')
    .output({ type: 'local', dest: join(directory, 'out') })
  console.log('wrote its files into a directory')
} finally {
  await engine.close()
  await rm(directory, { recursive: true, force: true })
}
