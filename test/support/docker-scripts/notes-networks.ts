import type { Script } from '../docker-script.js'
import { trainingPostgres } from './made-images.js'

const networks = "--format='{{json .NetworkSettings.Networks}}'"
const address = "'{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'"

/** The first of the seeds: networks, published ports, links and volumes. */
export const notesNetworks: Script = {
  name: 'notes-networks',
  images: { ubuntu: 'debian', busybox: 'busybox', 'training/webapp': 'flask', 'postgres:15': 'postgres' },
  files: {
    ...trainingPostgres.files,
    'src/webapp/app.py': `from flask import Flask

app = Flask(__name__)
app.route('/')(lambda: 'Hello from the host!')
app.run(host='0.0.0.0', port=5000)
`,
    bash_history: 'echo from the host\n',
  },
  before: trainingPostgres.before,
  steps: [
    {
      run: 'docker network ls',
      shows: [/ bridge +bridge +local/, / host +host +local/, / none +null +local/],
      compared: 'lines',
    },
    'docker run -itd --name=networktest ubuntu',
    { run: 'docker network inspect bridge', shows: /"Name": "networktest"/, compared: 'document' },
    'docker network disconnect bridge networktest',
    { run: 'docker network inspect bridge', hides: /"Name": "networktest"/, compared: 'document' },
    { run: 'docker exec networktest ls /sys/class/net', hides: /eth/ },
    { run: 'docker network create -d bridge my-bridge-network', shows: /^[0-9a-f]{64}$/m },
    {
      run: 'docker network create -d bridge my-bridge-network',
      exits: 1,
      shows: /network with name my-bridge-network already exists/,
    },
    { run: 'docker network ls', shows: / my-bridge-network +bridge +local/, compared: 'lines' },
    { run: 'docker network inspect my-bridge-network', shows: /"Containers": \{\}/, compared: 'document' },
    'docker run -d --network=my-bridge-network --name db training/postgres',
    { run: 'docker network inspect my-bridge-network', shows: /"Name": "db"/, compared: 'document' },
    { run: `docker inspect ${networks} db`, shows: /"my-bridge-network"/, compared: 'document' },
    { run: 'docker rm -f $(docker ps -a -q)', compared: 'lines' },

    'docker run -d --name web training/webapp python app.py',
    'docker run -d --network=my-bridge-network --name db training/postgres',
    { run: `docker inspect --format=${address} web`, shows: /^172\.17\./m, into: 'WEB' },
    { run: "docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' web", shows: /^172\.17\./m },
    { run: 'docker exec db ping -c 1 -W 1 $WEB', exits: 1, shows: /100% packet loss/ },
    { run: 'docker exec db ping -c 1 -W 1 web', exits: 1, shows: /bad address/ },
    'docker network connect my-bridge-network web',
    { run: `docker inspect ${networks} web`, shows: [/"bridge"/, /"my-bridge-network"/], compared: 'document' },
    {
      run: 'docker exec -it db bash',
      terminal: [
        ['# ', 'ping web -c 1\r'],
        ['# ', 'exit\r'],
      ],
      shows: /1 packets received, 0% packet loss/,
      masks: [
        [/\d+\.\d+(?=\/|\s?ms)/g, '0'],
        [/seq=0 ttl=\d+/g, 'seq=0'],
      ],
    },
    { run: 'docker network rm my-bridge-network', exits: 1, shows: /has active endpoints/ },
    { run: 'docker rm -f web db', compared: 'lines' },
    { run: 'docker network rm my-bridge-network', shows: /^my-bridge-network$/m },

    'docker run -d -p 80:5000 --name web80 training/webapp python app.py',
    { run: 'docker port web80', shows: /^5000\/tcp -> 0\.0\.0\.0:80$/m },
    { run: 'curl -s localhost', shows: /^Hello world!$/m, again: true },
    {
      run: 'docker run -d -p 127.0.0.1:80:5000 --name web80b training/webapp python app.py',
      exits: 125,
      shows:
        /driver failed programming external connectivity on endpoint web80b .*(?:already allocated|already in use)/,
    },
    { run: 'docker ps -a', shows: /Created.*web80b/ },
    'docker run -d -p 8000-9000:5000 --name range training/webapp python app.py',
    { run: 'docker port range', shows: /^5000\/tcp -> 0\.0\.0\.0:8\d{3}$/m },
    { run: 'docker rm -f web80 web80b range' },
    'docker run -d -p 127.0.0.1:80:5000 --name local training/webapp python app.py',
    { run: 'docker port local', shows: /^5000\/tcp -> 127\.0\.0\.1:80$/m },
    { run: 'curl -s 127.0.0.1', shows: /^Hello world!$/m, again: true },
    'docker run -d -p 127.0.0.1::5000 --name dynamic training/webapp python app.py',
    { run: 'docker port dynamic', shows: /^5000\/tcp -> 127\.0\.0\.1:\d{5}$/m },
    'docker run -d -p 127.0.0.1:80:5000/udp --name udp training/webapp python app.py',
    { run: 'docker port udp', shows: /^5000\/udp -> 127\.0\.0\.1:80$/m },
    { run: 'docker stop -t 0 `docker ps -q`' },
    { run: 'docker rm `docker ps -a -q`' },

    'docker run -d --name db training/postgres',
    'docker run -d -P --name web --link db:db training/webapp python app.py',
    { run: 'docker inspect -f "{{ .HostConfig.Links }}" web', shows: /^\[\/db:\/web\/db\]$/m },
    { run: 'docker ps', shows: /db/ },
    {
      run: 'docker run --rm --name web2 --link db:db training/webapp env',
      shows: [/^DB_PORT=tcp:\/\/172\.17\.0\.\d+:5432$/m, /^DB_NAME=\/web2\/db$/m, /^DB_ENV_PG_VERSION=15$/m],
      compared: 'lines',
    },
    {
      run: 'docker run --rm -i --link db:webdb training/webapp python -',
      stdin: `import os, time, psycopg2
while True:
    try:
        connection = psycopg2.connect(host='webdb', user='postgres', password=os.environ['WEBDB_ENV_POSTGRES_PASSWORD'])
        break
    except psycopg2.OperationalError:
        time.sleep(0.05)
cursor = connection.cursor()
cursor.execute('select 6 * 7')
print('the database says', cursor.fetchone()[0])
`,
      shows: /^the database says 42$/m,
    },
    {
      run: 'docker run -t -i --rm --link db:webdb training/webapp /bin/bash',
      terminal: [
        ['# ', 'cat /etc/hosts\r'],
        ['# ', 'exit\r'],
      ],
      shows: /^172\.17\.0\.\d+\s+webdb [0-9a-f]{12} db\r?$/m,
    },
    { run: 'docker rm -f web db' },

    'docker run -d -P --name web -v /webapp training/webapp python app.py',
    { run: "docker inspect --format='{{json .Mounts}}' web", shows: /"Destination":"\/webapp"/, compared: 'document' },
    { run: 'docker rm -f -v web' },
    'docker run -d -P --name web -v $PWD/src/webapp:/opt/webapp training/webapp python app.py',
    { run: "docker port web 5000 | sed -n 's/0.0.0.0://p'", into: 'PORT' },
    { run: 'curl -s localhost:$PORT', shows: /^Hello from the host!$/m, again: true },
    { run: 'docker exec web touch /opt/webapp/new && ls src/webapp', shows: /^new$/m },
    { run: 'docker rm -f web' },
    'docker run -d -P --name web -v $PWD/src/webapp:/opt/webapp:ro training/webapp python app.py',
    { run: 'docker exec web touch /opt/webapp/newer', exits: 1, shows: /Read-only file system/ },
    { run: 'docker rm -f web' },
    {
      run: 'docker run -d -P --volume-driver=flocker -v my-named-volume:/opt/webapp --name web training/webapp python app.py',
      // The client takes what is not found for the image, and says why that cannot be pulled.
      exits: 125,
      compared: 'no',
    },
    {
      run: 'docker volume create -d flocker -o size=20GB my-named-volume',
      exits: 1,
      shows: /plugin "flocker" not found/,
    },
    {
      run: 'docker run --rm -it -v $PWD/bash_history:/root/.bash_history ubuntu /bin/bash',
      terminal: [
        ['# ', 'echo from the container\r'],
        ['# ', 'exit\r'],
      ],
    },
    { run: 'cat bash_history', shows: [/^echo from the host$/m, /^echo from the container$/m] },

    'docker create -v /dbdata --name dbstore training/postgres /bin/true',
    'docker run -d --volumes-from dbstore --name db1 training/postgres',
    'docker run -d --volumes-from dbstore --name db2 training/postgres',
    'docker run -d --name db3 --volumes-from db1 training/postgres',
    { run: "docker exec db1 sh -c 'echo kept > /dbdata/file'" },
    { run: 'docker exec db3 cat /dbdata/file', shows: /^kept$/m },
    { run: 'docker exec db2 cat /dbdata/file', shows: /^kept$/m },
    {
      run: 'docker run --rm --volumes-from dbstore -v $(pwd):/backup ubuntu tar cvf /backup/backup.tar /dbdata',
      shows: /^\/dbdata\/file$/m,
    },
    { run: 'tar tf backup.tar', shows: /^dbdata\/file$/m },
    'docker run -v /dbdata --name dbstore2 ubuntu /bin/bash',
    {
      run: 'docker run --rm --volumes-from dbstore2 -v $(pwd):/backup ubuntu bash -c "cd /dbdata && tar xvf /backup/backup.tar --strip 1"',
      shows: /^dbdata\/file$/m,
    },
    { run: 'docker run --rm --volumes-from dbstore2 ubuntu cat /dbdata/file', shows: /^kept$/m },
    { run: 'docker rm -f dbstore db1 db2 db3' },
    { run: 'docker volume ls -q -f dangling=true', shows: /^[0-9a-f]{64}$/m, into: 'DANGLING' },
    { run: 'docker volume rm $DANGLING', shows: /^[0-9a-f]{64}$/m },
    { run: 'docker run --rm -v /foo -v awesome:/bar busybox sh -c "ls -d /foo /bar"', shows: /^\/foo$/m },
    { run: 'docker volume ls', shows: /^local +awesome$/m, compared: 'lines' },
    { run: 'docker rm -v dbstore2' },
    { run: 'docker volume ls -q', shows: /^awesome$/m, hides: /[0-9a-f]{64}/ },
  ],
}
