import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Engine } from '../../../src/index.js'
import { tar } from '../../support/archives.js'
import { imageArchive } from '../../support/images.js'
import { settled } from '../../support/settled.js'
import { inconsistencies } from './invariants.js'
import { newPlace, type Place } from './place.js'

/** Two stages beside the last, and files of every kind that steps make, replace and remove. */
const dockerfile = `FROM busybox AS sums
WORKDIR /work
COPY data data
RUN --network=none cat data/* | md5sum >sum; mkdir deep; echo low >deep/low; ln -s low deep/link; ln deep/low deep/hard
COPY turn ./
RUN --network=none echo "turn $(cat turn)" >deep/turn; rm data/7; chmod 600 data/8

FROM busybox AS cached
COPY turn /turn
RUN --mount=type=cache,target=/cache,sharing=locked cat /turn >/cache/turn && cp /cache/turn /kept

FROM busybox
ADD added.tar /added
RUN --network=none rm -r /added/below && mkdir /added/below && echo new >/added/below/new
COPY --from=sums /work /work
COPY --from=cached /kept /work/kept
RUN --network=none echo "all of $(cat /work/kept)" >/all
ENV TURNED=yes
CMD ["cat", "/all"]
`

const dataNames = Array.from({ length: 40 }, (_, at) => String(at))

/** The context of a build, in a directory: a number decides what comes of it. */
export async function writeContext(directory: string, turn: number): Promise<void> {
  mkdirSync(join(directory, 'data'), { recursive: true })
  for (const name of dataNames) writeFileSync(join(directory, 'data', name), dataOf(turn, name))
  // Of the same length in all turns.
  writeFileSync(join(directory, 'turn'), turnOf(turn))
  const added = { 'below/': '', 'below/old': 'old\n', 'kept/': '', 'kept/file': { mode: 0o604, content: 'kept\n' } }
  writeFileSync(join(directory, 'added.tar'), await tar(added))
  writeFileSync(join(directory, 'Dockerfile'), dockerfile)
}

/** Whether a build of the turn finds the data that the one before it had. */
export const hasOldData = (turn: number): boolean => turn % 3 !== 0

const turnOf = (turn: number) => `${String(turn).padStart(6, '0')}\n`
const dataOf = (turn: number, name: string) => `${Math.floor(turn / 3)} ${name}\n`.repeat(Number(name) * 20)

/** What is wrong with the files of an image that was built of a turn. */
export async function wrongFiles(engine: Engine, image: string, turn: number): Promise<string[]> {
  const { stdout, stderr } = await engine.run(image, ['sh', '-c', listing]).network('none').rm().output()
  const [wanted, found] = [expectedFiles(turn), `${stdout}${stderr}`.split('\n')]
  const at = Array.from({ length: Math.max(wanted.length, found.length) }, (_, index) => index).find(
    (index) => wanted[index] !== found[index],
  )
  if (at === undefined) return []
  return [`wrong: ${image} of turn ${turn} has ${JSON.stringify(found[at])}, not ${JSON.stringify(wanted[at])}`]
}

/** A line for everything that a build has made. */
const listing = `cd /; for path in $(find work added all turn cache kept 2>/dev/null | sort); do
  if [ -L $path ]; then echo "$path link $(readlink $path)"
  elif [ -d $path ]; then echo "$path directory $(stat -c %a $path)"
  else echo "$path $(stat -c '%a %u %g' $path) $(md5sum <$path)"; fi
done`

function expectedFiles(turn: number): string[] {
  const file = (path: string, content: string, mode = 644) => `${path} ${mode} 0 0 ${sumOf(content)}`
  const directory = (path: string) => `${path} directory 755`
  const kept = dataNames.filter((name) => name !== '7')
  const sorted = dataNames.toSorted()
  const lines = [
    directory('added'),
    directory('added/below'),
    file('added/below/new', 'new\n'),
    directory('added/kept'),
    file('added/kept/file', 'kept\n', 604),
    file('all', `all of ${turnOf(turn)}`),
    directory('work'),
    directory('work/data'),
    ...kept.map((name) => file(`work/data/${name}`, dataOf(turn, name), name === '8' ? 600 : 644)),
    directory('work/deep'),
    file('work/deep/hard', 'low\n'),
    'work/deep/link link low',
    file('work/deep/low', 'low\n'),
    file('work/deep/turn', `turn ${turnOf(turn)}`),
    file('work/kept', turnOf(turn)),
    file('work/sum', `${sumOf(sorted.map((name) => dataOf(turn, name)).join(''))}\n`),
    file('work/turn', turnOf(turn)),
  ]
  const pathOf = (line: string) => line.slice(0, line.indexOf(' '))
  return [...lines.sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1)), '']
}

/** As md5sum tells it of its input. */
const sumOf = (content: string) => `${createHash('md5').update(content).digest('hex')}  -`

/** A place with the base image and, in the directory `context`, what is built. */
export interface BuildPlace extends Place {
  readonly context: string
}

export async function newBuildPlace(): Promise<BuildPlace> {
  const place = newPlace()
  const engine = await Engine.open(place.roots)
  await engine.images.load(imageArchive('busybox'))
  await engine.close()
  return { ...place, context: `${place.directory}/context` }
}

/**
 * What is wrong after a build was disturbed: what it has left, and what the next ones of the same come to.
 *
 * @param isAnew whether one is done as well that takes none of the steps that are there
 */
export async function wrongAfterwards(
  engine: Engine,
  place: BuildPlace,
  turn: number,
  isAnew = true,
): Promise<string[]> {
  return [...(await leftOfBuilds(engine, place)), ...(await wrongBuilds(engine, place, turn, isAnew))]
}

async function wrongBuilds(engine: Engine, place: BuildPlace, turn: number, isAnew: boolean): Promise<string[]> {
  await engine.build(place.context).tag('again')
  const wrong = await wrongFiles(engine, 'again', turn)
  if (isAnew) {
    await engine.build(place.context).tag('anew').noCache()
    wrong.push(...(await wrongFiles(engine, 'anew', turn)))
  }
  await engine.images.prune()
  return wrong
}

/** What nobody works on any more. */
function leftOfBuilds(engine: Engine, { roots }: BuildPlace): Promise<string[]> {
  return settled(async () => {
    const containers = await engine.containers.list({ all: true })
    return [
      ...containers.map(({ id, state }) => `left: container ${id}, ${state}`),
      ...(await inconsistencies(engine, roots)),
    ]
  })
}

/**
 * Waits until nobody holds the locks of builds and steps any more: a child that the killed process was making has copies of
 * its descriptors until it executes a program of its own.
 */
export function locksReleased({ roots }: BuildPlace): void {
  const builds = `${roots.runRoot}/builds`
  const ingest = `${roots.root}/content/ingest`
  const locks = [
    ...(existsSync(builds) ? readdirSync(builds).map((name) => `${builds}/${name}/lock`) : []),
    ...readdirSync(ingest).map((name) => `${ingest}/${name}`),
  ]
  for (const lock of locks.filter((path) => existsSync(path))) execFileSync('flock', ['--wait', '30', lock, 'true'])
}

/** Removes all that builds have left for the next ones. */
export async function pruneBuilds(engine: Engine): Promise<void> {
  for (const { id } of await engine.images.list())
    if (id !== (await engine.images.get('busybox')).id) await engine.images.remove(id, { force: true })
  await engine.pruneBuildCache({ all: true })
}
