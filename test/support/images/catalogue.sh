# What images there are: `build_NAME` makes $output/NAME.tar; `customise_NAME ROOT` finishes the root of a program's layer.

image_names=(busybox debian nettools redis nginx postgres mariadb flask registry)
image_packages=(bind9-dnsutils curl iperf3 iproute2 iputils-ping netcat-openbsd redis-server redis-tools nginx-light postgresql-15 mariadb-server python3-flask python3-psycopg2 docker-registry)

path_env='"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"'

build_busybox() {
  local config='{"Env":['$path_env'],"Cmd":["sh"]}'
  busybox_layer
  cp "$output/layers/busybox.tar" "$output/busybox.rootfs.tar"
  oci_layout "$work/oci" latest zstd "$config" busybox
  tar --create --file "$output/busybox.oci-zstd.tar" --directory "$work/oci" oci-layout index.json blobs
  oci_layout "$work/oci" latest gzip "$config" busybox
  tar --create --file "$output/busybox.oci.tar" --directory "$work/oci" oci-layout index.json blobs
  rm -rf "$output/busybox.oci"
  cp -r "$work/oci" "$output/busybox.oci"
  # busybox.tar says that all is there: it comes last.
  docker_archive busybox-aside busybox:latest "$config" busybox
  gzip -nc "$output/busybox-aside.tar" >"$output/busybox.tar.gz"
  mv "$output/busybox-aside.tar" "$output/busybox.tar"
}

build_debian() {
  debian_layer
  docker_archive debian debian:latest '{"Env":['$path_env'],"Cmd":["bash"]}' debian
}

# What looks at a network from inside a container.
build_nettools() {
  package_layer nettools bind9-dnsutils curl iperf3 iproute2 iputils-ping netcat-openbsd python3-minimal
  docker_archive nettools nettools:latest '{"Env":['$path_env'],"Cmd":["bash"]}' debian nettools
}

build_redis() {
  package_layer redis redis-server redis-tools
  docker_archive redis redis:7 '{"Env":['$path_env'],"Entrypoint":["docker-entrypoint.sh"],"Cmd":["redis-server"],"WorkingDir":"/data","ExposedPorts":{"6379/tcp":{}}}' debian redis
}

# As the official image does: no protected mode, since nothing but the container's own network reaches the server.
customise_redis() {
  mkdir "$1/data"
  entrypoint "$1" <<'END'
#!/bin/sh
set -e
case "$1" in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ]; then set -- "$@" --protected-mode no; fi
exec "$@"
END
}

build_nginx() {
  package_layer nginx nginx-light
  docker_archive nginx nginx:latest '{"Env":['$path_env'],"Cmd":["nginx","-g","daemon off;"],"ExposedPorts":{"80/tcp":{}},"StopSignal":"SIGQUIT"}' debian nginx
}

customise_nginx() {
  ln -sf /dev/stdout "$1/var/log/nginx/access.log"
  ln -sf /dev/stderr "$1/var/log/nginx/error.log"
}

build_postgres() {
  package_layer postgres postgresql-15
  docker_archive postgres postgres:15 '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/15/bin","PGDATA=/var/lib/postgresql/data"],"Entrypoint":["docker-entrypoint.sh"],"Cmd":["postgres"],"ExposedPorts":{"5432/tcp":{}},"StopSignal":"SIGINT"}' debian postgres
}

customise_postgres() {
  rm -rf "$1"/var/lib/postgresql/15 "$1"/etc/postgresql/15 "$1"/var/log/postgresql/*
  chroot "$1" install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data
  chroot "$1" install -d -o postgres -g postgres -m 3777 /var/run/postgresql
  entrypoint "$1" <<'END'
#!/bin/sh
set -e
[ "$1" = postgres ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown postgres:postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -z "$POSTGRES_PASSWORD" ]; then
    echo 'Error: Database is uninitialized and superuser password is not specified: set POSTGRES_PASSWORD' >&2
    exit 1
  fi
  password=$(mktemp)
  printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
  initdb --username="${POSTGRES_USER:-postgres}" --pwfile="$password" --auth-local=trust --auth-host=scram-sha-256
  rm "$password"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
  if [ "$database" != postgres ]; then
    # As the official image does: by a server that is there for this alone, and listens on its socket only.
    pg_ctl --silent --wait --options="-c listen_addresses=''" start
    createdb --username="${POSTGRES_USER:-postgres}" --maintenance-db=postgres "$database"
    pg_ctl --silent --wait --mode=fast stop
  fi
fi
exec "$@"
END
}

build_mariadb() {
  package_layer mariadb mariadb-server
  docker_archive mariadb mariadb:10 '{"Env":['$path_env'],"Entrypoint":["docker-entrypoint.sh"],"Cmd":["mariadbd"],"ExposedPorts":{"3306/tcp":{}}}' debian mariadb
}

# As the official image does: both families of names, a root for all hosts, and what is made first is made by a server that
# is there for this alone, and listens on its socket only.
customise_mariadb() {
  rm -rf "$1"/var/lib/mysql/* "$1"/var/log/mysql/*
  chroot "$1" install -d -o mysql -g mysql -m 0755 /var/lib/mysql /run/mysqld
  printf '[mariadbd]\nbind-address=*\nskip-name-resolve\n' >"$1/etc/mysql/mariadb.conf.d/99-docker.cnf"
  entrypoint "$1" <<'END'
#!/bin/sh
set -e
case "$1" in -*) set -- mariadbd "$@" ;; esac
case "$1" in mariadbd | mysqld) ;; *) exec "$@" ;; esac
if [ "$(id -u)" = 0 ]; then
  chown mysql:mysql /var/lib/mysql
  exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi

# echo would take backslashes for its own.
say() { printf '%s\n' "$1"; }
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/[\\\\']/\\\\&/g")"; }

if [ ! -d /var/lib/mysql/mysql ]; then
  root=${MARIADB_ROOT_PASSWORD:-$MYSQL_ROOT_PASSWORD}
  database=${MARIADB_DATABASE:-$MYSQL_DATABASE}
  user=${MARIADB_USER:-$MYSQL_USER}
  password=${MARIADB_PASSWORD:-$MYSQL_PASSWORD}
  if [ -z "$root" ]; then
    echo 'error: Database is uninitialized and password option is not specified: set MARIADB_ROOT_PASSWORD' >&2
    exit 1
  fi
  mariadb-install-db --skip-test-db --auth-root-authentication-method=normal --datadir=/var/lib/mysql >/dev/null
  "$@" --skip-networking &
  until mariadb-admin --user=root --silent ping 2>/dev/null; do
    kill -0 $!
    sleep 0.1
  done
  {
    say "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'; FLUSH PRIVILEGES;"
    [ -z "$database" ] || say "CREATE DATABASE \`$database\`;"
    if [ -n "$user" ]; then
      say "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
      [ -z "$database" ] || say "GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%';"
    fi
    say "CREATE USER root@'%' IDENTIFIED BY $(quoted "$root"); GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    say "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root");"
  } | mariadb --user=root
  kill $!
  wait $!
fi
exec "$@"
END
}

build_flask() {
  package_layer flask python3-flask python3-psycopg2
  docker_archive flask flask:latest '{"Env":['$path_env',"PYTHONUNBUFFERED=1"],"Cmd":["python","app.py"],"WorkingDir":"/opt/webapp","ExposedPorts":{"5000/tcp":{}}}' debian flask
}

customise_flask() {
  ln -s python3 "$1/usr/bin/python"
  mkdir -p "$1/opt/webapp"
  cat >"$1/opt/webapp/app.py" <<'END'
import os

from flask import Flask

app = Flask(__name__)


@app.route('/')
def hello():
    return 'Hello ' + os.environ.get('PROVIDER', 'world') + '!'


app.run(host='0.0.0.0', port=int(os.environ.get('PORT', 5000)))
END
}

build_registry() {
  package_layer registry docker-registry
  docker_archive registry registry:2 '{"Env":['$path_env'],"Cmd":["docker-registry","serve","/etc/docker/registry/config.yml"],"ExposedPorts":{"5000/tcp":{}}}' debian registry
}

customise_registry() {
  cat >"$1/etc/docker/registry/config.yml" <<'END'
version: 0.1
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
http:
  addr: :5000
END
}

# entrypoint ROOT: installs what stands on stdin as the image's entrypoint.
entrypoint() {
  install -m 755 /dev/stdin "$1/usr/local/bin/docker-entrypoint.sh"
}
