import { pip, uwsgi } from '../tutorial-packages.js'

/** A Debian in which the tutorials' Dockerfiles install what they install, out of files in the image, under these names. */
export const debianThatInstalls = (...names: readonly string[]) =>
  ({
    images: { flask: 'flask' },
    packages: true,
    files: {
      'base/Dockerfile': `FROM flask
COPY packages /packages
RUN rm -rf /etc/apt/sources.list.d && echo 'deb [trusted=yes] file:/packages ./' > /etc/apt/sources.list
COPY pip uwsgi /usr/local/lib/python/
ENV PATH=/usr/local/lib/python:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /
CMD ["bash"]
`,
      'base/pip': pip,
      'base/uwsgi': uwsgi,
    },
    before: [`docker build --quiet ${names.map((name) => `--tag ${name}`).join(' ')} base`],
  }) as const

/** The database of the tutorials: its data are made, and it can ping. */
export const trainingPostgres = {
  files: {
    'postgres/Dockerfile': `FROM postgres:15
ENV POSTGRES_PASSWORD=docker PG_VERSION=15
COPY ping /bin/ping
RUN docker-entrypoint.sh postgres --version
CMD ["postgres"]
`,
  },
  before: ['cp /bin/busybox postgres/ping', 'docker build --quiet --tag training/postgres postgres'],
} as const

/** As many lines as there were time for. */
export const helloMasks = [[/(?:hello world\n)+/g, 'hello world\n']] as const

/** What `docker top` tells of processes that are others each time. */
export const topMasks = [[/\d+/g, '0']] as const

/** What apt-get tells of its work. */
export const aptMasks = [[/^(?:Fetched|Get:\d+|Ign:\d+) .*\n/gm, '']] as const
