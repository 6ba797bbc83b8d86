import type { ExpandedInstruction, ImageDraft } from '../dockerfile/index.js'
import { formatDuration } from '../spec/duration.js'
import type { ImageHealthcheck } from '../spec/options.js'

/** How the history of an image tells of an instruction that changed no file, in BuildKit's form. */
export function describe(instruction: ExpandedInstruction, draft: ImageDraft): string {
  switch (instruction.kind) {
    case 'CMD':
    case 'ENTRYPOINT':
      return `${instruction.kind} ${quoted(draft.words(instruction.command))}`
    case 'ENV':
    case 'LABEL':
      return `${instruction.kind} ${instruction.pairs.map(({ name, value }) => `${name}=${value}`).join(' ')}`
    case 'ARG':
      return `ARG ${instruction.args.map(({ name, value }) => (value === undefined ? name : `${name}=${value}`)).join(' ')}`
    case 'EXPOSE':
      return `EXPOSE map[${[...instruction.exposed]
        .sort()
        .map((port) => `${port}:{}`)
        .join(' ')}]`
    case 'VOLUME':
      return `VOLUME [${instruction.volumes.join(' ')}]`
    case 'HEALTHCHECK':
      return `HEALTHCHECK ${describeHealth(instruction.health)}`
    case 'SHELL':
      return `SHELL [${instruction.shell.join(' ')}]`
    case 'ONBUILD':
      return `ONBUILD ${instruction.expression}`
    case 'MAINTAINER':
    case 'STOPSIGNAL':
    case 'USER':
    case 'WORKDIR':
      return `${instruction.kind} ${instruction.value}`
    case 'ADD':
    case 'COPY':
    case 'RUN':
      return instruction.original
  }
}

/** As Go prints a list of texts with quotes. */
const quoted = (words: readonly string[]) => `[${words.map((word) => JSON.stringify(word)).join(' ')}]`

function describeHealth(health: ImageHealthcheck): string {
  const { Test, Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 } = health
  const times = [Interval, Timeout, StartPeriod, StartInterval].map((time) => `"${formatDuration(time)}"`)
  return `&{${quoted(Test ?? [])} ${times.join(' ')} '\\x${Retries.toString(16).padStart(2, '0')}'}`
}
