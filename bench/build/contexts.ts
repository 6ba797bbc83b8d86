import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Files in the context of which one changes. */
export const manyFiles = 20_000

/** Twelve instructions of which seven make files, as those of a small service do. */
const service = `FROM debian:latest
ENV HOME=/srv/app LANG=C.UTF-8
WORKDIR /srv/app
RUN groupadd --system app && useradd --system --gid app --home-dir /srv/app app
COPY requirements.txt ./
RUN mkdir -p lib && while read -r name; do echo "module $name" >lib/$name.txt; done <requirements.txt
COPY . .
RUN cat src/*.txt lib/*.txt | sort -u >index.txt && wc -l <index.txt
RUN chown -R app:app /srv/app
USER app
EXPOSE 8000
CMD ["cat", "index.txt"]
`

const copyOfAll = `FROM busybox:latest
COPY . /srv
RUN ls /srv | wc -l
`

const independentStages = `FROM busybox:latest AS first
RUN sleep 5; echo first >/made
FROM busybox:latest AS second
RUN sleep 5; echo second >/made
FROM busybox:latest
COPY --from=first /made /first
COPY --from=second /made /second
`

/** The context of a build of twelve steps: 60 files of some kilobytes. */
export async function makeService(directory: string): Promise<string> {
  await mkdir(join(directory, 'src'), { recursive: true })
  await writeFile(join(directory, 'Dockerfile'), service)
  const names = Array.from({ length: 60 }, (_, at) => `module${at}`)
  await writeFile(join(directory, 'requirements.txt'), names.map((name) => `${name}\n`).join(''))
  for (const name of names) await writeFile(join(directory, 'src', `${name}.txt`), `${name} `.repeat(500))
  return directory
}

/** A context of 20,000 files of up to 4 KiB, 100 in a directory, all of which are copied. */
export async function makeManyFiles(directory: string): Promise<string> {
  for (let at = 0; at < manyFiles; at++) {
    const below = join(directory, `d${Math.floor(at / 100)}`)
    if (at % 100 === 0) await mkdir(below, { recursive: true })
    await writeFile(join(below, `file-${at}.txt`), `${at}\n`.repeat(1 + ((at * 31) % 700)))
  }
  await writeFile(join(directory, 'Dockerfile'), copyOfAll)
  return directory
}

/** Changes one file of {@link makeManyFiles}. */
export async function changeOne(directory: string, what: string): Promise<void> {
  await writeFile(join(directory, 'd100', 'file-10050.txt'), what)
}

/** Two stages of five seconds each, neither of which needs the other. */
export async function makeStages(directory: string): Promise<string> {
  await mkdir(directory)
  await writeFile(join(directory, 'Dockerfile'), independentStages)
  return directory
}
