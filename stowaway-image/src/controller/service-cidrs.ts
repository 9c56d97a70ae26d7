/** Ranges of Service addresses, from the API that has them since Kubernetes 1.31 (beta) and 1.33. */
import { isForbidden, isNotFound, resources, type Kube, type KubeObject, type Resource } from '../kube/index.ts';

interface ServiceCidr extends KubeObject {
  spec?: { cidrs?: string[] };
}

const beta: Resource = { ...resources.serviceCidrs, apiVersion: 'networking.k8s.io/v1beta1' };

/** Empty where the cluster does not say. */
export async function readServiceCidrs(kube: Kube): Promise<string[]> {
  for (const resource of [resources.serviceCidrs, beta]) {
    try {
      return (await kube.list<ServiceCidr>(resource)).items.flatMap(({ spec }) => spec?.cidrs ?? []);
    } catch (error) {
      if (!isNotFound(error) && !isForbidden(error)) throw error;
    }
  }
  return [];
}
