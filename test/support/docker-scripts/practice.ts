import type { Script } from '../docker-script.js'
import { aptMasks, debianThatInstalls, helloMasks, trainingPostgres } from './made-images.js'

const base = debianThatInstalls('ubuntu:12.04', 'ubuntu:precise', 'ubuntu:14.04', 'ubuntu', 'training/sinatra')

/** The third of the seeds: a practical course. */
export const practice: Script = {
  name: 'practice',
  images: {
    ...base.images,
    'training/webapp': 'flask',
    busybox: 'busybox',
    'postgres:15': 'postgres',
    registry: 'registry',
  },
  packages: true,
  registries: true,
  files: {
    ...base.files,
    ...trainingPostgres.files,
    'sinatra/Dockerfile': `# This is a comment
FROM ubuntu:14.04
MAINTAINER Docker Newbee 
RUN apt-get -qq update
RUN apt-get -qqy install ruby ruby-dev
RUN gem install sinatra
`,
    'site/myApp/index.html': 'my local web site\n',
    'site/Dockerfile': `FROM ubuntu:14.04
RUN apt-get -qq update && apt-get -qqy install apache2
# put my local web site in myApp folder to /var/www
ADD myApp /var/www
# expose httpd port
EXPOSE 80
# the command to run
CMD ["/usr/sbin/apachectl", "-D", "FOREGROUND"]
`,
  },
  before: [
    ...base.before,
    ...trainingPostgres.before,
    'for tag in 12.04 14.04; do docker tag ubuntu:12.04 $HUB/ubuntu:$tag && docker push --quiet $HUB/ubuntu:$tag && docker rmi $HUB/ubuntu:$tag; done',
    'docker rmi flask',
  ],
  steps: [
    { run: 'docker pull $HUB/ubuntu:12.04', shows: /Status: Downloaded newer image/, compared: 'lines' },
    {
      run: 'docker pull -a $HUB/ubuntu',
      shows: [/^12\.04: Pulling from ubuntu$/m, /^14\.04: Pulling from ubuntu$/m],
      compared: 'lines',
    },
    {
      run: 'docker run -t -i ubuntu:12.04 /bin/bash',
      terminal: [['# ', 'exit\r']],
    },
    { run: 'docker images', shows: [/^ubuntu +12\.04/m, /^ubuntu +precise/m, /^ubuntu +14\.04/m], compared: 'lines' },
    {
      run: 'docker run --name sinatra -h sinatra -t -i training/sinatra /bin/bash',
      terminal: [
        ['root@sinatra:/# ', 'apt-get -qq update; apt-get -qqy install ruby >/dev/null 2>&1; gem install json\r'],
        ['installed json', ''],
        ['root@sinatra:/# ', 'exit\r'],
      ],
      shows: /Successfully installed json/,
    },
    { run: 'docker commit -m "Added json gem" -a "Docker Newbee" sinatra ouruser/sinatra:v2', shows: /^sha256:/ },
    { run: 'docker images', shows: /^ouruser\/sinatra +v2/m, compared: 'lines' },
    {
      run: 'docker run --rm -h sinatra -t -i ouruser/sinatra:v2 /bin/bash',
      terminal: [
        ['root@sinatra:/# ', 'gem list\r'],
        ['\njson', ''],
        ['root@sinatra:/# ', 'exit\r'],
      ],
      shows: /^json\r?$/m,
    },
    {
      run: 'cd sinatra && docker build -t="ouruser/sinatra:v2" .',
      shows: [/^Step 2\/5 : MAINTAINER/m, /installed sinatra/],
      masks: aptMasks,
    },
    { run: 'docker run --rm ouruser/sinatra:v2 gem list', shows: /^sinatra$/m },
    { run: 'docker images -q ouruser/sinatra:v2', into: 'IMAGE' },
    'docker tag $IMAGE ouruser/sinatra:devel',
    {
      run: 'docker images ouruser/sinatra',
      shows: [/^ouruser\/sinatra +devel/m, /^ouruser\/sinatra +v2/m],
      compared: 'lines',
    },
    { run: 'docker build -q -t site site' },
    'docker run -d -p 8080:80 --name site site',
    { run: 'curl -s localhost:8080', shows: /^my local web site$/m, again: true },
    { run: 'docker rm -f site' },
    { run: 'docker export $(docker create busybox) > exported.tar' },
    { run: 'cat exported.tar | docker import - ubuntu:imported', shows: /^sha256:/ },
    { run: 'docker images ubuntu:imported', shows: /^ubuntu +imported/m },
    'docker tag ouruser/sinatra:devel $HUB/ouruser/sinatra:devel',
    {
      run: 'docker push $HUB/ouruser/sinatra:devel',
      shows: [/The push refers to repository/, /^devel: digest: sha256:/m],
      compared: 'lines',
    },
    'docker save -o ubuntu_14.04.tar ubuntu:14.04',
    { run: 'docker load --input ubuntu_14.04.tar', shows: /^Loaded image: ubuntu:14\.04$/m },
    { run: 'docker load < ubuntu_14.04.tar', shows: /^Loaded image: ubuntu:14\.04$/m },
    { run: 'docker rmi training/sinatra', shows: /^Untagged: training\/sinatra:latest$/m },
    { run: 'docker rm $(docker ps -a -q)', compared: 'lines' },
    { run: "docker rmi $(docker images | awk '/^<none>/ {print $3}')", compared: 'lines' },

    { run: "docker run ubuntu:14.04 /bin/echo 'Hello world'", shows: /^Hello world$/m },
    {
      run: 'docker run -d --name insane_babbage ubuntu:14.04 /bin/sh -c "while true; do echo hello world; sleep 1; done"',
      into: 'ID',
    },
    { run: 'docker ps', shows: /insane_babbage/ },
    { run: 'docker logs insane_babbage', shows: /^hello world$/m, again: true, masks: helloMasks },
    { run: 'docker stop -t 0 insane_babbage' },
    { run: 'docker ps -a', shows: /Exited \(137\)/ },
    { run: 'docker start insane_babbage' },
    { run: 'docker restart -t 0 insane_babbage' },
    { run: "docker inspect -f '{{.State.Status}} {{.RestartCount}}' insane_babbage", shows: /^running 0$/m },
    { run: 'docker rm insane_babbage', exits: 1, shows: /cannot remove a running container/ },
    { run: 'docker rm -f insane_babbage', shows: /^insane_babbage$/m },
    { run: 'docker run -idt --name nostalgic_hypatia ubuntu', shows: /^[0-9a-f]{64}$/m },
    {
      run: 'docker attach nostalgic_hypatia',
      terminal: [
        ['', '\r'],
        ['# ', 'echo attached\r'],
        ['\nattached', ''],
        ['# ', '\x10\x11'],
      ],
      exits: 1,
      shows: [/^attached\r?$/m, /read escape sequence/],
      compared: 'no',
    },
    { run: 'docker ps', shows: /Up .*nostalgic_hypatia/ },
    { run: 'docker inspect --format "{{ .State.Pid }}" nostalgic_hypatia', shows: /^[1-9]\d*$/m, compared: 'no' },
    { run: 'docker rm -f nostalgic_hypatia' },
    { run: 'docker run --name test ubuntu:14.04 /bin/true' },
    { run: 'docker export test > ubuntu.tar && tar tf ubuntu.tar etc/passwd', shows: /^etc\/passwd$/m },
    { run: 'cat ubuntu.tar | docker import - test/ubuntu:v1.0', shows: /^sha256:/ },
    { run: 'docker run --rm test/ubuntu:v1.0 echo imported', shows: /^imported$/m },
    {
      run: 'docker import http://127.0.0.1:1/exampleimage.tgz example/imagerepo',
      exits: 1,
      shows: /connection refused|ECONNREFUSED/,
      compared: 'no',
    },

    'docker run -d -p 5000:5000 --name registry registry',
    { run: 'docker images -q ubuntu:latest', into: 'IMAGE' },
    'docker tag $IMAGE 127.0.0.1:5000/test',
    { run: 'curl -s http://127.0.0.1:5000/v2/', shows: /^\{\}/, again: true },
    { run: 'docker push 127.0.0.1:5000/test', shows: /^latest: digest: sha256:/m, compared: 'lines' },
    { run: 'curl -s http://127.0.0.1:5000/v2/_catalog', shows: /^\{"repositories":\["test"\]\}$/m },
    { run: 'docker rmi 127.0.0.1:5000/test', shows: /^Untagged: 127\.0\.0\.1:5000\/test:latest$/m },
    {
      run: 'docker pull 127.0.0.1:5000/test',
      shows: /Status: Downloaded newer image for 127\.0\.0\.1:5000\/test:latest/,
      compared: 'lines',
    },
    { run: 'docker rm -f -v registry' },
    'docker run -d -p 5000:5000 -v $PWD/registry:/var/lib/registry --name registry registry',
    { run: 'curl -s http://127.0.0.1:5000/v2/_catalog', shows: /^\{"repositories":\[\]\}$/m, again: true },
    { run: 'docker push -q 127.0.0.1:5000/test', shows: /^127\.0\.0\.1:5000\/test:latest$/m },
    { run: 'ls registry/docker/registry/v2/repositories', shows: /^test$/m },
    { run: 'docker rm -f registry' },

    'docker run -d -v /dbdata --name dbdata training/postgres echo Data-only container for postgres',
    'docker run -d --volumes-from dbdata --name db1 training/postgres',
    'docker run -d --volumes-from dbdata --name db2 training/postgres',
    'docker run -d --name db3 --volumes-from db1 training/postgres',
    { run: "docker exec db3 sh -c 'echo kept > /dbdata/file'" },
    {
      run: 'docker run --volumes-from dbdata -v $(pwd):/backup ubuntu tar cvf /backup/backup.tar /dbdata',
      shows: /^\/dbdata\/file$/m,
    },
    'docker run -v /dbdata --name dbdata2 ubuntu /bin/bash',
    {
      run: 'docker run --volumes-from dbdata2 -v $(pwd):/backup busybox tar xvf /backup/backup.tar',
      shows: /^dbdata\/file$/m,
    },
    { run: 'docker run --rm --volumes-from dbdata2 busybox cat /dbdata/file', shows: /^kept$/m },
    { run: 'docker rm -f -v $(docker ps -aq)', compared: 'no' },
    { run: 'docker volume ls -q', hides: /./ },

    'docker run -d -P --name nostalgic_morse training/webapp python app.py',
    { run: 'docker ps -l', shows: /->5000\/tcp.*nostalgic_morse/ },
    { run: "docker port nostalgic_morse 5000 | sed -n 's/0.0.0.0://p'", into: 'PORT' },
    { run: 'curl -s localhost:$PORT', shows: /Hello world!/, again: true },
    { run: 'docker logs -f nostalgic_morse', shows: [/Running on/, /GET \//], interrupted: true },
    'docker run -d -p 5000:5000 -p 3000:80 --name several training/webapp python app.py',
    {
      run: 'docker port several',
      shows: [/^5000\/tcp -> 0\.0\.0\.0:5000$/m, /^80\/tcp -> 0\.0\.0\.0:3000$/m],
      compared: 'lines',
    },
    { run: 'docker rm -f several nostalgic_morse' },
    'docker run -d -P --name web training/webapp python app.py',
    {
      run: 'docker run -d -P --name web training/webapp python app.py',
      exits: 125,
      shows: /Conflict\. The container name "\/web" is already in use by container/,
    },
    { run: 'docker inspect -f "{{ .Name }}" web', shows: /^\/web$/m },
    'docker run -d --name db training/postgres',
    'docker rm -f web',
    'docker run -d -P --name web --link db:db training/webapp python app.py',
    { run: 'docker ps', shows: [/5432\/tcp +db$/m, /->5000\/tcp.* web$/m] },
    {
      run: 'docker run --rm --name web2 --link db:db training/webapp env',
      shows: [/^DB_NAME=\/web2\/db$/m, /^DB_PORT_5432_TCP_PROTO=tcp$/m],
      compared: 'lines',
    },
    {
      run: 'docker run -t -i --rm --link db:db training/webapp /bin/bash',
      terminal: [
        ['# ', 'cat /etc/hosts\r'],
        ['# ', 'exit\r'],
      ],
      shows: /^172\.17\.0\.\d+\s+db [0-9a-f]{12}\r?$/m,
    },
    {
      run: 'docker exec db ping -c 1 $(docker inspect -f "{{.NetworkSettings.IPAddress}}" web)',
      shows: / 0% packet loss/,
      compared: 'no',
    },
    { run: 'docker rm -f web db', shows: /^web$/m },
  ],
}
