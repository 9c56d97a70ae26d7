/** Of the pods that the controller makes. */

/** On a starved node an answer takes seconds, and an end would make it worse for everybody. */
export function patientProbes(port: number): Record<'readinessProbe' | 'livenessProbe', object> {
  const httpGet = { path: '/healthz', port };
  return {
    readinessProbe: { httpGet, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3 },
    livenessProbe: { httpGet, initialDelaySeconds: 30, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 6 },
  };
}
