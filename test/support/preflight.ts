/** What a browser asks before a page's request, which has these headers beside the ordinary ones. */
export function preflight(method: string, origin: string, names = '') {
  return {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      ...(names === '' ? {} : { 'access-control-request-headers': names }),
    },
  }
}
