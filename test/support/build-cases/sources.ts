import type { BuildGroup, ContextFile } from './build-case.js'

const words: Readonly<Record<string, ContextFile>> = {
  a1: '1',
  a2: '2',
  b1: '3',
  ab: '4',
  'a-c': '5',
  'd/a1': '6',
  'd/e/a1': '7',
  'f/a1': '8',
  '.dot': '9',
  'a[b]': '10',
  'x*y': '11',
  xzy: '12',
}

const wild = (line: string) => ({ dockerfile: `FROM corpus\n${line}\n`, files: words })

const modes: Readonly<Record<string, ContextFile>> = {
  'd/plain': 'p',
  'd/program': { content: '#!/bin/sh\n', mode: 0o755 },
  'd/secret': { content: 's', mode: 0o600 },
  'd/nothing': { content: 'n', mode: 0o000 },
  'd/all': { content: 'w', mode: 0o777 },
  'd/setuid': { content: 'u', mode: 0o4755 },
  'd/setgid': { content: 'g', mode: 0o2755 },
  'd/closed': { directory: true, mode: 0o700 },
  'd/closed/x': 'x',
  'd/sticky': { directory: true, mode: 0o1777 },
  'd/group': { directory: true, mode: 0o2775 },
  'd/group/x': 'x',
}

const links: Readonly<Record<string, ContextFile>> = {
  'd/file': 'f',
  'd/sub/x': 'x',
  'd/to-file': { link: 'file' },
  'd/to-directory': { link: 'sub' },
  'd/absolute': { link: '/etc/passwd' },
  'd/dangling': { link: 'nothing' },
  'd/outside': { link: '../../../../etc/passwd' },
  'd/up': { link: '../top' },
  top: 't',
  'to-d': { link: 'd' },
  'to-top': { link: 'top' },
  'to-etc': { link: '/etc' },
}

const linked = (...lines: string[]) => ({ dockerfile: `FROM corpus\n${lines.join('\n')}\n`, files: links })

const ignoring = (ignore: string, extra: Readonly<Record<string, ContextFile>> = {}, line = 'COPY . /all') => ({
  dockerfile: `FROM corpus\n${line}\n`,
  files: { ...words, ...extra, '.dockerignore': ignore },
})

/** What COPY finds: wildcards, ignored files, modes, times, links, owners. */
export const sources: BuildGroup = {
  'a star': wild('COPY a* /got/'),
  'a star of one file to a name': wild('COPY b* /got'),
  'a star of one file into a directory': wild('COPY b* /got/'),
  'a star of one directory': wild('COPY f* /got/'),
  'a star in a directory': wild('COPY d/* /got/'),
  'a star of directories': wild('COPY */a1 /got/'),
  'a star does not go deeper': wild('COPY d*1 a1 /got/'),
  'a question mark': wild('COPY a? /got/'),
  'a class of letters': wild('COPY [ab]1 /got/'),
  'a class of what is not': wild('COPY a[^1-9] /got/'),
  'a class of a range': wild('COPY a[0-9] /got/'),
  'an escaped bracket': wild('COPY a\\[b\\] /got/'),
  'a name with brackets as a class': wild('COPY a[[]b] /got/'),
  'a name with a star, escaped': wild('COPY x\\*y /got/'),
  'two stars are one': wild('COPY ** /got/'),
  'a star and a name': wild('COPY a* b1 d /got/'),
  'a star in JSON': wild('COPY ["a*", "/got/"]'),
  'a star with hidden files': wild('COPY .* /got/'),
  'a star that finds nothing beside a file': wild('COPY a1 nothing* /got/'),
  '.dockerignore leaves out': ignoring('a*\nd/e\n'),
  '.dockerignore with exceptions': ignoring('*\n!a1\n!d\nd/e\n'),
  '.dockerignore of itself and the Dockerfile': ignoring('.dockerignore\nDockerfile\n'),
  '.dockerignore with two stars': ignoring('**/a1\n'),
  '.dockerignore of all but a file deep down': ignoring('**\n!d/e/a1\n'),
  '.dockerignore with a wildcard in COPY': ignoring('a1\na2\n', {}, 'COPY a* /got/'),
  '.dockerignore with comments and blanks': ignoring('# a1\n\n  b1  \n#\n'),
  'a Dockerfile elsewhere': { dockerfile: 'FROM corpus\nCOPY . /all\n', file: 'd/My.Dockerfile', files: words },
  'modes of files and directories': { dockerfile: 'FROM corpus\nCOPY d /d\n', files: modes },
  'modes of files one by one': {
    dockerfile: 'FROM corpus\nCOPY d/setuid d/secret d/all d/nothing /got/\nCOPY d/program /bin/program\n',
    files: modes,
  },
  'modes over what is there': {
    dockerfile: 'FROM corpus\nRUN mkdir -m 711 /d /d/closed && chown 33 /d/closed\nCOPY d /d\n',
    files: modes,
  },
  'modes with chown': { dockerfile: 'FROM corpus\nCOPY --chown=33:33 d /d\n', files: modes },
  'times of files and directories': {
    dockerfile: 'FROM corpus\nCOPY d /d\nCOPY d/new d/old /got/\n',
    files: { 'd/old': { content: 'o', mtime: 86_400 }, 'd/new': { content: 'n', mtime: 1_500_000_000 }, 'd/e/x': 'x' },
  },
  'a file of 1970': { dockerfile: 'FROM corpus\nCOPY a /a\n', files: { a: { content: 'a', mtime: 0 } } },
  'symlinks in a directory': linked('COPY d /got'),
  'a symlink to a file by name': linked('COPY to-top /got'),
  'a symlink to a file into a directory': linked('COPY to-top /got/'),
  'a symlink to a directory by name': linked('COPY to-d /got'),
  'a file through a symlink': linked('COPY to-d/file /got'),
  'a symlink within a directory by name': linked('COPY d/to-file d/up /got/'),
  'symlinks with a wildcard': linked('COPY to-[dt]* /got/'),
  'a symlink out of the context': linked('COPY d/outside /got'),
  'an absolute symlink': linked('COPY d/absolute /got'),
  'a directory through an absolute symlink': linked('COPY to-etc /got'),
  'a dangling symlink': linked('COPY d/dangling /got'),
  'symlinks with chown': linked('COPY --chown=33 d /got'),
  'a symlink over a directory': linked('RUN mkdir -p /got/to-file/x', 'COPY d /got'),
  'names of one file': {
    dockerfile: 'FROM corpus\nCOPY . /all\nCOPY a b /got/\n',
    files: { a: 'a', b: { same: 'a' }, 'd/c': { same: 'a' } },
  },
  'a fifo': { dockerfile: 'FROM corpus\nCOPY d /d\n', files: { 'd/pipe': { fifo: true, mode: 0o640 }, 'd/x': 'x' } },
  'chown by name': { dockerfile: 'FROM corpus\nCOPY --chown=daemon a1 d /got/\n', files: words },
  'chown by name and group': { dockerfile: 'FROM corpus\nCOPY --chown=www-data:wheel d /p/q/got\n', files: words },
  'chown by an empty name': { dockerfile: 'FROM corpus\nCOPY --chown= a1 /got\n', files: words },
  'chown by numbers': { dockerfile: 'FROM corpus\nCOPY --chown=1234:5678 a1 /p/got\n', files: words },
  'chown by a number': { dockerfile: 'FROM corpus\nCOPY --chown=1234 a1 /got\n', files: words },
  'chown by a number that is known': { dockerfile: 'FROM corpus\nCOPY --chown=33 a1 /got\n', files: words },
  'chown by group alone': { dockerfile: 'FROM corpus\nCOPY --chown=:wheel a1 /got\n', files: words },
  'chown of a user that RUN makes': {
    dockerfile:
      'FROM corpus\nRUN echo me:x:77:78::/:/bin/sh >> /etc/passwd && echo us:x:79: >> /etc/group\nCOPY --chown=me:us a1 /1\nCOPY --chown=me a2 /2\n',
    files: words,
  },
  'chown into directories that are there': {
    dockerfile: 'FROM corpus\nRUN mkdir -p /d/e\nCOPY --chown=33 d /d\n',
    files: words,
  },
  'chown over files that are there': {
    dockerfile: 'FROM corpus\nCOPY a1 /f\nCOPY --chown=33:10 a1 /f\n',
    files: words,
  },
  'chown without a user file': { dockerfile: 'FROM scratch\nCOPY --chown=1:2 d /d\n', files: words },
}
