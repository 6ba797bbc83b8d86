// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are of Dockerfiles.
import type { Difference } from './difference.js'

/** Of the files that COPY and ADD make. */
export const fileDifferences: readonly Difference[] = [
  {
    reason:
      'A directory that is copied gives its time to the one that it goes to, as with BuildKit (one that is ignored but for files below it keeps its own); the classic builder gives them that of the step.',
    cases: {
      scopes: { 'COPY from a stage keeps owner, mode and time': { files: { '/d': 'directory 755 0:0 @1000000000' } } },
      settings: {
        'ONBUILD copies from the context of the child': { files: { '/usr/src/app': 'directory 755 0:0 @1000000000' } },
      },
      copy: {
        'a source with a slash at its end': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        'a directory to a missing name': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        'a directory to a missing name with a slash': { files: { '/p/new': 'directory 755 0:0 @1000000000' } },
        'a directory over a directory': { files: { '/d': 'directory 700 33:33 @1000000000' } },
        'a directory whose file meets a symlink': { files: { '/d': 'directory 755 0:0 @1000000000' } },
        'a directory over a symlink to a directory': { files: { '/real': 'directory 755 0:0 @1000000000' } },
        'a directory with its hidden files': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        'an empty directory': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        'an empty directory over a directory': { files: { '/d': 'directory 755 0:0 @1000000000' } },
        'all of the context': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        'all of the context to WORKDIR': { files: { '/w': 'directory 755 0:0 @1000000000' } },
        'all of the context as a slash': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        'all of the context with a star': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        'several files and directories': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        'words in JSON with a blank in a source': { files: { '/x y': 'directory 755 0:0 @1000000000' } },
        'a file, then a directory of the name': { files: { '/n': 'directory 755 0:0 @1000000000' } },
        'over several steps': { files: { '/x': 'directory 755 0:0 @1000000000' } },
        'a long name': { files: { '/d': 'directory 755 0:0 @1000000000' } },
      },
      sources: {
        'a star of one directory': { files: { '/got': 'directory 755 0:0 @1000000000' } },
        'a star in a directory': { files: { '/got': 'directory 755 0:0 @1000000000' } },
        'a star and a name': { files: { '/got': 'directory 755 0:0 @1000000000' } },
        '.dockerignore leaves out': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        '.dockerignore with exceptions': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        '.dockerignore of itself and the Dockerfile': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        '.dockerignore with two stars': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        '.dockerignore of all but a file deep down': {
          files: {
            '/all': 'directory 755 0:0 @1000000000',
            '/all/d': 'directory 755 0:0 @1000000000',
            '/all/d/e': 'directory 755 0:0 @1000000000',
          },
        },
        '.dockerignore with comments and blanks': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        'a Dockerfile elsewhere': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        'times of files and directories': { files: { '/d': 'directory 755 0:0 @1000000000' } },
        'symlinks in a directory': { files: { '/got': 'directory 755 0:0 @1000000000' } },
        'a symlink to a directory by name': { files: { '/got': 'directory 755 0:0 @1000000000' } },
        'symlinks with chown': { files: { '/got': 'directory 755 33:33 @1000000000' } },
        'names of one file': { files: { '/all': 'directory 755 0:0 @1000000000' } },
        'a fifo': { files: { '/d': 'directory 755 0:0 @1000000000' } },
        'chown by name': { files: { '/got': 'directory 755 1:1 @1000000000' } },
        'chown without a user file': { files: { '/d': 'directory 755 1:2 @1000000000' } },
        'chown into directories that are there': { files: { '/d': 'directory 755 0:0 @1000000000' } },
      },
      add: {
        'a directory': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        'a directory with an archive in it': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        'several files': { files: { '/new': 'directory 755 0:0 @1000000000' } },
        chown: { files: { '/new': 'directory 755 33:10 @1000000000' } },
      },
      layers: { 'files copied over removed ones': { files: { '/d': 'directory 755 0:0 @1000000000' } } },
    },
  },
  {
    reason:
      'Set-user-ID and set-group-ID bits of copied files stay, as with BuildKit; the classic builder loses them when it changes owners. (And a directory gives its time, as above.)',
    cases: {
      sources: {
        'modes of files and directories': {
          files: {
            '/d': 'directory 755 0:0 @1000000000',
            '/d/setgid': 'file 2755 0:0 "g" @1000000000',
            '/d/setuid': 'file 4755 0:0 "u" @1000000000',
          },
        },
        'modes of files one by one': { files: { '/got/setuid': 'file 4755 0:0 "u" @1000000000' } },
        'modes over what is there': {
          files: {
            '/d': 'directory 711 0:0 @1000000000',
            '/d/setgid': 'file 2755 0:0 "g" @1000000000',
            '/d/setuid': 'file 4755 0:0 "u" @1000000000',
          },
        },
        'modes with chown': {
          files: {
            '/d': 'directory 755 33:33 @1000000000',
            '/d/setgid': 'file 2755 33:33 "g" @1000000000',
            '/d/setuid': 'file 4755 33:33 "u" @1000000000',
          },
        },
      },
    },
  },
  {
    reason: "Directories that are made on the way are the new owner's too, as with BuildKit.",
    cases: {
      sources: {
        'chown by name and group': {
          files: {
            '/p': 'directory 755 33:10',
            '/p/q': 'directory 755 33:10',
            '/p/q/got': 'directory 755 33:10 @1000000000',
          },
        },
      },
    },
  },
  {
    reason:
      "A user without a group has the group of /etc/passwd, as with BuildKit; the classic builder wants a group of the user's name.",
    cases: {
      sources: {
        'chown of a user that RUN makes': {
          config: {},
          history: ['RUN', 'COPY', 'COPY'],
          files: {
            '/1': 'file 644 77:79 "1" @1000000000',
            '/2': 'file 644 77:78 "2" @1000000000',
            '/etc/group': 'file 644 0:0 86 bytes 3d26b5452286',
            '/etc/passwd': 'file 644 0:0 184 bytes da4478f80c50',
          },
        },
      },
    },
  },
  {
    reason: "A group alone is root's, as it is for USER.",
    cases: {
      sources: {
        'chown by group alone': { config: {}, history: ['COPY'], files: { '/got': 'file 644 0:10 "1" @1000000000' } },
      },
    },
  },
  {
    reason:
      'A file or symlink never takes the place of a directory, nor a directory that of a file or symlink, as with BuildKit: files that were there are not lost.',
    cases: {
      copy: {
        'a directory whose file meets a directory': { error: 'cannot replace to directory /d/x with file' },
        'a directory whose directory meets a file': { error: 'not a directory' },
        'a directory whose directory meets a symlink': { error: 'not a directory' },
      },
      sources: { 'a symlink over a directory': { error: 'cannot replace to directory /got/to-file with file' } },
    },
  },
  {
    reason: 'Dots above the root end at the root; the classic builder fails when it resolves them.',
    cases: {
      copy: {
        'a file to a destination with dots': {
          config: {},
          history: ['COPY', 'COPY'],
          files: {
            '/q': 'directory 755 0:0',
            '/q/new': 'file 644 0:0 "a\\n" @1000000000',
            '/r': 'file 644 0:0 "b\\n" @1000000000',
          },
        },
      },
    },
  },
  {
    reason: 'zstd is extracted, as with BuildKit; newer than the classic builder.',
    cases: {
      add: {
        'an archive with zstd': {
          files: {
            '/new': 'directory 755 0:0',
            '/new/in': 'file 640 7:8 "in\\n" @1000000000',
            '/new/link': 'symlink -> in 7:8 @1000000000',
            '/new/sub': 'directory 750 7:8 @1000000000',
            '/new/sub/deep': 'file 644 7:8 "deep\\n" @1000000000',
          },
        },
        'archives by a wildcard': { files: { '/new/t.tar.zst': undefined } },
      },
    },
  },
  {
    reason: '--chown is of the files of an archive too, as with BuildKit.',
    cases: {
      add: {
        'an archive with chown': {
          files: {
            '/new': 'directory 755 33:10',
            '/new/in': 'file 640 33:10 "in\\n" @1000000000',
            '/new/link': 'symlink -> in 33:10 @1000000000',
            '/new/sub': 'directory 750 33:10 @1000000000',
            '/new/sub/deep': 'file 644 33:10 "deep\\n" @1000000000',
          },
        },
      },
    },
  },
  {
    reason:
      'An archive with names that lead out of it is refused, as BuildKit does now; the classic builder cuts them.',
    cases: {
      add: {
        'an archive with names above it': {
          error:
            'the archive entry "../up" points outside of the root it is extracted to. the archive is malicious or broken.',
        },
      },
    },
  },
  {
    reason:
      'Directories that an archive does not name have the time of what is in them, so that the layer is the same each time.',
    cases: {
      add: {
        'an archive with absolute names': { files: { '/p/etc': 'directory 755 0:0 @0' } },
        'an archive with a file in missing directories': {
          files: { '/p/x': 'directory 755 0:0 @0', '/p/x/y': 'directory 755 0:0 @0' },
        },
        'an archive with a long name': {
          files: {
            '/p/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn':
              'directory 755 0:0 @0',
          },
        },
      },
    },
  },
  {
    reason: "Devices and fifos of an archive are left out: it may be a stranger's; BuildKit refuses them.",
    cases: {
      add: {
        'an archive with devices and a fifo': {
          files: { '/p/loop': undefined, '/p/null': undefined, '/p/pipe': undefined },
        },
      },
    },
  },
  {
    reason: 'Attributes that users may set are kept in layers; the classic builder keeps capabilities only.',
    cases: { add: { 'an archive with attributes': { files: { '/p/a': 'file 644 0:0 "a" @0 user.test=76616c7565' } } } },
  },
  {
    reason:
      'An archive with names that layers have for what is removed is refused; the classic builder leaves them out.',
    cases: {
      add: {
        'an archive with names of whiteouts': {
          error: '"p/.wh.a" cannot be in a layer: there, names that begin with .wh. delete files. rename or remove it.',
        },
      },
    },
  },
]
