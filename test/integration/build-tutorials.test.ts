import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Engine } from '../../src/index.js'
import { makePackages } from '../support/debian-packages.js'
import { type TestEngine, testEngine } from '../support/engine.js'
import { body, listening, portOf } from '../support/reach.js'
import { pip, tutorialPackages, uwsgi } from '../support/tutorial-packages.js'

// The tutorials' Dockerfiles as they are, without remarks behind instructions. Their base images are made of the tests' own:
// what apt-get, gem and pip install there comes from files in the image.
let host: TestEngine
let engine: Engine
const contexts: string[] = []
beforeAll(async () => {
  host = await testEngine(['busybox', 'flask'])
  engine = host.engine
  const context = await contextOf({ pip, uwsgi })
  makePackages(join(context, 'packages'), tutorialPackages)
  const lines = [
    'FROM flask',
    'COPY packages /packages',
    "RUN rm -rf /etc/apt/sources.list.d && echo 'deb [trusted=yes] file:/packages ./' > /etc/apt/sources.list",
    'COPY --chmod=755 pip uwsgi /usr/local/lib/python/',
    'ENV PATH=/usr/local/lib/python:$PATH',
    'WORKDIR /',
    'CMD ["bash"]',
  ]
  const names = ['debian', 'debian:wheezy', 'ubuntu:14.04', 'python:3.4']
  await engine
    .build(context)
    .dockerfile(lines.join('\n'))
    .tag(...names)
})
afterAll(async () => {
  for (const directory of contexts) await rm(directory, { recursive: true })
  const left = await host.leaks()
  await host[Symbol.asyncDispose]()
  expect(left).toEqual([])
})

/** A directory with these files; a text that begins with `#!` is a program. */
async function contextOf(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'build-tutorials-'))
  contexts.push(directory)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
    if (text.startsWith('#!')) await chmod(join(directory, name), 0o755)
  }
  return directory
}

/** `docker run --rm NAME WORDS` */
async function output(name: string, ...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await engine.run(name, words).rm().output()
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return stdout
}

const steps = async (name: string) =>
  (await (await engine.images.get(name)).history()).map(({ createdBy }) => createdBy)

test('the whale says what fortune tells', async () => {
  await engine
    .build()
    .dockerfile('FROM ubuntu:14.04\nRUN apt-get update && apt-get install -y cowsay\n')
    .tag('docker/whalesay')
  const context = await contextOf({
    Dockerfile: `FROM docker/whalesay:latest
RUN apt-get -y update && apt-get install -y fortunes
CMD /usr/games/fortune -a | cowsay
`,
  })
  await engine.build(context).tag('docker-whale')
  expect(await output('docker-whale')).toContain('< You will build many images. >')
})

test('the cow is a command, then an entrypoint, then a script', async () => {
  const install = 'FROM debian:wheezy\nRUN apt-get update && apt-get install -y cowsay fortune\n'
  const context = await contextOf({
    Dockerfile: install,
    'entrypoint.sh': `#!/bin/bash
if [ $# -eq 0 ]; then
	/usr/games/fortune | /usr/games/cowsay
else
	/usr/games/cowsay "$@"
fi
`,
  })
  await engine.build(context).tag('test/cowsay-dockerfile')
  const said = await output('test/cowsay-dockerfile', '/usr/games/cowsay', 'Moo')
  expect(said).toContain('< Moo >')

  await writeFile(join(context, 'Dockerfile'), `${install}ENTRYPOINT ["/usr/games/cowsay"]\n`)
  await engine.build(context).tag('test/cowsay-dockerfile')
  expect(await output('test/cowsay-dockerfile', 'Moo')).toBe(said)

  const script = 'COPY entrypoint.sh / \nENTRYPOINT ["/entrypoint.sh"]\n'
  await writeFile(join(context, 'Dockerfile'), `${install.replace(':wheezy', '')}${script}`)
  await engine.build(context).tag('test/cowsay-dockerfile')
  expect(await output('test/cowsay-dockerfile', 'Moo')).toBe(said)
  expect(await output('test/cowsay-dockerfile')).toContain('< You will build many images. >')
})

test('sinatra is installed by a chain of steps, which the next image shares', async () => {
  const lines = (...commands: string[]) => ['FROM ubuntu:14.04', ...commands, 'RUN gem install sinatra', ''].join('\n')
  const newbee = lines('MAINTAINER Docker Newbee ', 'RUN apt-get -qq update', 'RUN apt-get -qqy install ruby ruby-dev')
  const image = await engine
    .build(await contextOf({ Dockerfile: `# This is a comment\n${newbee}` }))
    .tag('ouruser/sinatra:v2')
  expect((await image.inspect()).Author).toBe('Docker Newbee')
  expect((await steps('ouruser/sinatra:v2')).slice(0, 4)).toEqual([
    'RUN /bin/sh -c gem install sinatra # buildkit',
    'RUN /bin/sh -c apt-get -qqy install ruby ruby-dev # buildkit',
    'RUN /bin/sh -c apt-get -qq update # buildkit',
    'MAINTAINER Docker Newbee',
  ])
  expect(await output('ouruser/sinatra:v2', 'gem', 'list')).toBe('sinatra\n')

  const author = 'MAINTAINER Kate Smith <ksmith@example.com>'
  const other = await engine.build().dockerfile(newbee.replace('MAINTAINER Docker Newbee ', author))
  expect((await other.inspect()).Author).toBe('Kate Smith <ksmith@example.com>')
  expect((await other.inspect()).RootFS).toEqual((await image.inspect()).RootFS)

  const short = lines(author, 'RUN apt-get update && apt-get install -y ruby ruby-dev')
  await engine.build().dockerfile(short).tag('me/sinatra')
  expect(await output('me/sinatra', 'gem', 'list')).toBe('sinatra\n')
})

test('identidock runs as its user, and both of its ports are published', async () => {
  const context = await contextOf({
    Dockerfile: `FROM python:3.4
RUN groupadd -r uwsgi && useradd -r -g uwsgi uwsgi 		# a user and a group
RUN pip install Flask==0.10.1 uWSGI==2.0.8    			# packages of Python
WORKDIR /app
COPY app /app
EXPOSE 9090 9191
USER uwsgi
CMD ["uwsgi", "--http", "0.0.0.0:9090", "--wsgi-file", "/app/identidock.py", "--callable", "app", "--stats", "0.0.0.0:9191"]
`,
    'app/identidock.py': `from flask import Flask
app = Flask(__name__)

@app.route('/')
def hello_world():
    return 'Hello World!\\n'

if __name__ == '__main__':
    app.run(debug=True, host='0.0.0.0')
`,
  })
  await engine.build(context).tag('identidock')
  const container = await engine.run('identidock').name('port-test').publishAll()
  onTestFinished(() => container.remove({ force: true }))
  await listening(container, 9090)
  await listening(container, 9191)
  const uid = Number((await container.exec(['id', '-u', 'uwsgi'])).stdout)
  expect(uid).toBeGreaterThan(0)
  expect(await body(`http://127.0.0.1:${await portOf(container, '9090/tcp')}/`)).toBe('Hello World!\n')
  const stats = await body(`http://127.0.0.1:${await portOf(container, '9191/tcp')}/`)
  expect(JSON.parse(stats)).toEqual({ requests: 1, uid })
})

test('a site is added, and served on the port that the image exposes', async () => {
  await engine
    .build()
    .dockerfile('FROM ubuntu:14.04\nRUN apt-get update && apt-get install -y apache2\n')
    .tag('me/apache')
  const context = await contextOf({
    Dockerfile: `FROM me/apache
# put my local web site in myApp folder to /var/www
ADD myApp /var/www
# expose httpd port
EXPOSE 80
# the command to run
CMD ["/usr/sbin/apachectl", "-D", "FOREGROUND"]
`,
    'myApp/index.html': '<h1>mine</h1>\n',
  })
  await engine.build(context).tag('me/site')
  const container = await listening(await engine.run('me/site').publishAll(), 80)
  onTestFinished(() => container.remove({ force: true }))
  expect(await body(`http://127.0.0.1:${await portOf(container, '80/tcp')}/`)).toBe('<h1>mine</h1>\n')
})

test('a variable chooses the version that is installed', async () => {
  const lines = 'FROM debian\nRUN apt-get update\nENV MY_VERSION 1.3\nRUN apt-get install -y mypackage=$MY_VERSION\n'
  await engine.build().dockerfile(lines).tag('me/mypackage')
  expect(await output('me/mypackage', 'sh', '-c', 'mypackage; echo $MY_VERSION')).toBe('1.3\n1.3\n')
})

test('a volume of the image is one of the container', async () => {
  await engine.build().dockerfile('FROM debian:wheezy\nVOLUME /data\n').tag('test/webserver')
  const container = await engine.run('test/webserver', ['sh', '-c', 'echo kept > /data/file'])
  onTestFinished(() => container.remove({ force: true, volumes: true }))
  await container.wait()
  const mounts = (await container.inspect()).Mounts
  expect(mounts).toMatchObject([{ Type: 'volume', Destination: '/data', Driver: 'local', RW: true }])
  const shared = await engine.run('debian', ['cat', '/data/file']).volumesFrom(container.id).rm().output()
  expect(shared.stdout).toBe('kept\n')
})

test('triggers of a parent copy, install and configure in the build of its child', async () => {
  await engine
    .build()
    .dockerfile(
      `FROM python:3.4
WORKDIR /usr/src/app
ONBUILD COPY requirements.txt /usr/src/app/
ONBUILD RUN pip install -r requirements.txt
ONBUILD COPY . /usr/src/app
CMD ["python", "app.py"]
`,
    )
    .tag('python:3.4-onbuild')
  const files = {
    'requirements.txt': 'Flask==0.10.1\n',
    'app.py': "print(open('/var/lib/pip/installed').read(), end='')\n",
  }
  await engine.build(await contextOf({ Dockerfile: 'FROM python:3.4-onbuild\n', ...files })).tag('my-python-app')
  expect(await output('my-python-app')).toBe('Flask==0.10.1\n')
  const { Config } = await (await engine.images.get('my-python-app')).inspect()
  expect(Config.OnBuild ?? []).toEqual([])
})

test('what one stage makes is all that the next one has of it', async () => {
  const context = await contextOf({
    Dockerfile: `FROM ubuntu:14.04 AS build
WORKDIR /src
COPY hello.py .
RUN apt-get update && apt-get install -y cowsay && python3 hello.py > /hello.sh && chmod +x /hello.sh

FROM busybox
COPY --from=build /hello.sh /usr/local/bin/hello
CMD ["hello"]
`,
    'hello.py': 'print("#!/bin/sh\\necho Hello from Python", 6 * 7)\n',
  })
  const image = await engine.build(context).tag('hello')
  expect(await output('hello')).toBe('Hello from Python 42\n')
  const layers = (await (await engine.images.get('busybox')).inspect()).RootFS.Layers
  expect((await image.inspect()).RootFS.Layers).toEqual([...layers, expect.any(String)])
  expect(await output('hello', 'ls', '/usr/local/bin')).toBe('hello\n')
})
