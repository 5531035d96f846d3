/** What makes a running hub read its configuration again. */
export const HOW_TO_RELOAD = 'systemctl reload mcp-sse, or kill -HUP <pid of the hub>'
