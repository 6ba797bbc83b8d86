import { createInterface } from 'node:readline/promises'
import type { Pruned, PruneOptions } from '../index.js'
import type { Command, Given } from './command.js'
import { rootOptions, withEngine } from './roots.js'
import { decimalSize } from './size.js'
import { UsageError } from './usage-error.js'

/** `inboard system prune`. */
export const prune: Command = {
  words: ['system', 'prune'],
  summary: 'Remove what is not used: stopped containers, networks, images, build cache',
  options: {
    ...rootOptions,
    all: { type: 'boolean', short: 'a', help: 'Also images with names that no container is of' },
    volumes: { type: 'boolean', help: 'Also anonymous volumes' },
    filter: {
      type: 'string',
      multiple: true,
      value: 'FILTER',
      help: 'label=KEY[=VALUE], label!=KEY[=VALUE], until=24h',
    },
    force: { type: 'boolean', short: 'f', help: 'Do not ask' },
  },
  async run(given) {
    const options = optionsOf(given)
    if (!given.flag('force') && !(await isConfirmed(options))) return 1
    process.stdout.write(linesOf(await withEngine(given, (engine) => engine.prune(options))))
    return 0
  },
}

function optionsOf(given: Given): PruneOptions {
  const filters = given.texts('filter').map((text) => {
    const [, name, comparison, value] = /^(label|until)(!?=)(.+)$/s.exec(text) ?? []
    if (name === undefined || value === undefined || (name === 'until' && comparison === '!='))
      throw new UsageError(`--filter ${text}: there are label=, label!= and until=`)
    return { name: `${name}${comparison}`, value }
  })
  const valuesOf = (wanted: string) => filters.flatMap(({ name, value }) => (name === wanted ? [value] : []))
  const [until, another] = valuesOf('until=')
  if (another !== undefined) throw new UsageError('--filter until= may be given once')
  return {
    all: given.flag('all'),
    volumes: given.flag('volumes'),
    filters: {
      label: valuesOf('label='),
      withoutLabel: valuesOf('label!='),
      ...(until !== undefined && { until }),
    },
  }
}

async function isConfirmed({ all = false, volumes = false }: PruneOptions): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('there is no terminal to ask at: say --force to remove without asking')
  const what = [
    'containers that do not run',
    'networks that no container is on',
    ...(volumes ? ['anonymous volumes that no container has'] : []),
    all ? 'images that no container is of' : 'images without a name',
    all ? 'the whole build cache' : 'what no image has of the build cache',
  ]
  process.stdout.write(`This removes:\n${what.map((one) => `  - ${one}\n`).join('')}`)
  const asking = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(es)?$/i.test((await asking.question('Go on? [y/N] ')).trim())
  } finally {
    asking.close()
  }
}

function linesOf({ containers, networks, volumes, images, buildCache, spaceReclaimed }: Pruned): string {
  const sections: readonly (readonly [title: string, items: readonly string[]])[] = [
    ['Deleted Containers', containers],
    ['Deleted Networks', networks],
    ['Deleted Volumes', volumes],
    [
      'Deleted Images',
      images.map((item) =>
        Object.entries(item)
          .map(([what, name]) => `${what}: ${name}`)
          .join(' '),
      ),
    ],
    ['Deleted build cache objects', buildCache],
  ]
  const texts = sections.flatMap(([title, items]) => (items.length > 0 ? [`${title}:\n${items.join('\n')}\n\n`] : []))
  return `${texts.join('')}Total reclaimed space: ${decimalSize(spaceReclaimed)}\n`
}
