import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { get, post } from '../http-text.ts'
import { type Found, outputOf } from './contender.ts'

const MODULES = ['/usr/lib/nginx/modules', '/usr/share/nginx/modules', '/usr/lib64/nginx/modules']

/** nginx with nchan: one worker, its memory store, no access log. */
export function nchan(): Found {
  const version = outputOf(['nginx', '-v'])
  const folder = MODULES.find((candidate) => existsSync(join(candidate, 'ngx_nchan_module.so')))
  if (!version || !folder) {
    return {
      name: 'nchan',
      absent: 'nginx with nchan is not installed; apt-get install nginx-light libnginx-mod-nchan',
    }
  }
  return {
    name: 'nchan',
    about: `nchan in ${version.replace('nginx version: ', '')}, one worker, memory store (nothing on disk)`,
    ready: '/livez',
    stream: get('/events', { accept: 'text/event-stream' }),
    publish: (data) => post('/publish', data, { 'content-type': 'application/json', 'x-eventsource-event': 'tick' }),
    async launch({ port, directory }) {
      const file = join(directory, 'nginx.conf')
      await Bun.write(file, configuration(port, directory, join(folder, 'ngx_nchan_module.so')))
      return { command: ['nginx', '-p', directory, '-e', join(directory, 'error.log'), '-c', file] }
    },
  }
}

function configuration(port: number, directory: string, module: string): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${directory}/${name};`)
    .join('\n')
  // keepalive_requests: nginx otherwise closes a publisher's connection after 1,000 requests.
  return `load_module ${module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${directory}/nginx.pid;
events { worker_connections 16000; }
http {
${scratch}
  access_log off;
  keepalive_requests 100000000;
  nchan_shared_memory_size 256m;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /livez { return 200 "ok"; }
    location = /events {
      nchan_subscriber eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }
    location = /publish {
      nchan_publisher;
      nchan_channel_id bench;
    }
  }
}
`
}
