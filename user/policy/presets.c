// SPDX-License-Identifier: Apache-2.0
/*
 * Sources, named in brackets behind each entry:
 * [dns]    Microsoft Learn, "Azure Private Endpoint private DNS zone values": public, US government
 * [dns-cn] docs.azure.cn, the same page for Azure operated by 21Vianet
 * [gov]    Microsoft Learn, "Compare Azure Government and global Azure", end points
 * [cn]     docs.azure.cn, "Developer guide: check end points in Azure", end points
 * [mon]    Microsoft Learn, "Azure Monitor endpoint access and firewall configuration"
 * [mon-k]  Microsoft Learn, "Network firewall requirements for monitoring Kubernetes cluster"
 * [speech] Microsoft Learn, "Speech service in sovereign clouds", and its public counterpart
 * [tr]     Microsoft Learn, "Translator: base URLs"
 * [maas]   Microsoft Learn, "Deploy models as serverless API deployments"
 * [fgov]   Microsoft Learn, "Microsoft Foundry in Azure Government", end points
 * [entra]  Microsoft Learn, "National clouds: authentication end points"
 * [365]    Microsoft 365 IP address and URL web service, worldwide (id 56), US government (id 13)
 * [graph]  Microsoft Learn, "Other endpoints not included in the Microsoft 365 IP address and URL
 *          web service", which names the same ranges for each cloud
 * [mcr]    Microsoft Learn, "Microsoft Artifact Registry: client firewall rules"
 * [api]    the vendor's own API reference, whose base URL has this host
 * [field]  seen in deployments; no page of the vendor states it
 *
 * A pattern covers the zone behind it as well: x.privatelink.openai.azure.com is matched by
 * "*.openai.azure.com". Zones are for display and for hints.
 *
 * Prefixes of arm and mcr are published as service tags, which change weekly: not built in.
 */
#include "policy/presets.h"

#include <string.h>

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Shared hosts of Azure and others' public APIs: no private link ends there. */
static const char *const public_ai[] = {
	/* Azure, hosts that many customers share */
	"*.models.ai.azure.com",		 /* [maas] serverless deployments */
	"models.inference.ai.azure.com",	 /* [maas] GitHub Models */
	"*.api.cognitive.microsoft.com",	 /* [speech] regional hosts of all AI services */
	"*.api.cognitive.microsoft.us",		 /* [speech] */
	"*.api.cognitive.azure.cn",		 /* [cn] */
	"*.stt.speech.microsoft.com",		 /* [speech] */
	"*.tts.speech.microsoft.com",		 /* [speech] */
	"*.stt.speech.azure.us",		 /* [speech] */
	"*.tts.speech.azure.us",		 /* [speech] */
	"*.stt.speech.azure.cn",		 /* [speech] */
	"*.tts.speech.azure.cn",		 /* [speech] */
	"api.cognitive.microsofttranslator.com", /* [tr] */
	"api-apc.cognitive.microsofttranslator.com", /* [tr] */
	"api-eur.cognitive.microsofttranslator.com", /* [tr] */
	"api-nam.cognitive.microsofttranslator.com", /* [tr] */
	"api.cognitive.microsofttranslator.us",	     /* [tr] */
	"api.translator.azure.cn",		     /* [tr] */
	/* OpenAI, Anthropic */
	"api.openai.com",    /* [api] */
	"*.api.openai.com",  /* [api] regional: eu.api.openai.com, us.api.openai.com */
	"chatgpt.com",	     /* [api] */
	"*.chatgpt.com",     /* [api] */
	"api.anthropic.com", /* [api] */
	"claude.ai",	     /* [api] */
	"*.claude.ai",	     /* [api] */
	/* Google */
	"generativelanguage.googleapis.com",	     /* [api] Gemini API */
	"aiplatform.googleapis.com",		     /* [api] Vertex AI, global */
	"us-central1-aiplatform.googleapis.com",     /* [api] Vertex AI, regions */
	"us-east1-aiplatform.googleapis.com",	     /* [api] */
	"us-east4-aiplatform.googleapis.com",	     /* [api] */
	"us-west1-aiplatform.googleapis.com",	     /* [api] */
	"europe-west1-aiplatform.googleapis.com",    /* [api] */
	"europe-west2-aiplatform.googleapis.com",    /* [api] */
	"europe-west3-aiplatform.googleapis.com",    /* [api] */
	"europe-west4-aiplatform.googleapis.com",    /* [api] */
	"europe-west9-aiplatform.googleapis.com",    /* [api] */
	"asia-northeast1-aiplatform.googleapis.com", /* [api] */
	"asia-southeast1-aiplatform.googleapis.com", /* [api] */
	"gemini.google.com",			     /* [api] */
	/* Amazon Bedrock, regions */
	"bedrock-runtime.us-east-1.amazonaws.com",	/* [api] */
	"bedrock-runtime.us-east-2.amazonaws.com",	/* [api] */
	"bedrock-runtime.us-west-2.amazonaws.com",	/* [api] */
	"bedrock-runtime.ca-central-1.amazonaws.com",	/* [api] */
	"bedrock-runtime.eu-central-1.amazonaws.com",	/* [api] */
	"bedrock-runtime.eu-west-1.amazonaws.com",	/* [api] */
	"bedrock-runtime.eu-west-2.amazonaws.com",	/* [api] */
	"bedrock-runtime.eu-west-3.amazonaws.com",	/* [api] */
	"bedrock-runtime.eu-north-1.amazonaws.com",	/* [api] */
	"bedrock-runtime.ap-northeast-1.amazonaws.com", /* [api] */
	"bedrock-runtime.ap-south-1.amazonaws.com",	/* [api] */
	"bedrock-runtime.ap-southeast-1.amazonaws.com", /* [api] */
	"bedrock-runtime.ap-southeast-2.amazonaws.com", /* [api] */
	"bedrock-runtime.us-gov-west-1.amazonaws.com",	/* [api] */
	/* Others */
	"api.mistral.ai",		 /* [api] */
	"codestral.mistral.ai",		 /* [api] */
	"api.cohere.com",		 /* [api] */
	"api.cohere.ai",		 /* [api] its older name */
	"api.x.ai",			 /* [api] */
	"api.deepseek.com",		 /* [api] */
	"api.groq.com",			 /* [api] */
	"api.perplexity.ai",		 /* [api] */
	"api.together.xyz",		 /* [api] */
	"api.fireworks.ai",		 /* [api] */
	"api.deepinfra.com",		 /* [api] */
	"api.replicate.com",		 /* [api] */
	"api.cerebras.ai",		 /* [api] */
	"api.sambanova.ai",		 /* [api] */
	"api.ai21.com",			 /* [api] */
	"api.voyageai.com",		 /* [api] */
	"api.jina.ai",			 /* [api] */
	"api.stability.ai",		 /* [api] */
	"api.elevenlabs.io",		 /* [api] */
	"api.assemblyai.com",		 /* [api] */
	"api.deepgram.com",		 /* [api] */
	"openrouter.ai",		 /* [api] */
	"integrate.api.nvidia.com",	 /* [api] */
	"ai.api.nvidia.com",		 /* [api] */
	"router.huggingface.co",	 /* [api] */
	"api-inference.huggingface.co",	 /* [api] its older name */
	"*.endpoints.huggingface.cloud", /* [api] dedicated end points */
	"models.github.ai",		 /* [api] */
	"api.githubcopilot.com",	 /* [api] */
	"*.githubcopilot.com",		 /* [api] plans have hosts of their own */
	"dashscope.aliyuncs.com",	 /* [api] */
	"dashscope-intl.aliyuncs.com",	 /* [api] */
	"api.moonshot.cn",		 /* [api] */
	"api.moonshot.ai",		 /* [api] */
	"open.bigmodel.cn",		 /* [api] */
	"api.z.ai",			 /* [api] */
	"ark.cn-beijing.volces.com",	 /* [api] */
	NULL,
};

static const char *const entra_prefixes[] = {
	"20.20.32.0/19",       /* [365] public */
	"20.190.128.0/18",     /* [365] */
	"20.231.128.0/19",     /* [365] */
	"40.126.0.0/18",       /* [365] */
	"2603:1006:2000::/48", /* [365] */
	"2603:1007:200::/48",  /* [365] */
	"2603:1016:1400::/48", /* [365] */
	"2603:1017::/48",      /* [365] */
	"2603:1026:3000::/48", /* [365] */
	"2603:1027:1::/48",    /* [365] */
	"2603:1036:3000::/48", /* [365] */
	"2603:1037:1::/48",    /* [365] */
	"2603:1046:2000::/48", /* [365] */
	"2603:1047:1::/48",    /* [365] */
	"2603:1056:2000::/48", /* [365] */
	"2603:1057:2::/48",    /* [365] */
	"20.140.232.0/23",     /* [365] US government */
	"52.126.194.0/23",     /* [365] */
	"2001:489a:3500::/50", /* [365] */
	"40.72.70.0/23",       /* [graph] China */
	"52.130.2.32/27",      /* [graph] */
	"52.130.3.64/27",      /* [graph] */
	"52.130.17.192/27",    /* [graph] */
	"52.130.18.32/27",     /* [graph] */
	"2406:e500:5500::/48", /* [graph] */
	NULL,
};

static const struct preset presets[] = {
	{ "azure-openai", PRESET_SERVICE, true,
	  LIST("*.openai.azure.com", /* [dns] */
	       "*.openai.azure.us"), /* [dns] */
	  LIST("privatelink.openai.azure.com", "privatelink.openai.azure.us"), NULL },
	{ "azure-ai-services", PRESET_SERVICE, true,
	  LIST("*.cognitiveservices.azure.com", /* [dns] */
	       "*.cognitiveservices.azure.us",	/* [dns] */
	       "*.cognitiveservices.azure.cn"), /* [field] */
	  LIST("privatelink.cognitiveservices.azure.com", "privatelink.cognitiveservices.azure.us",
	       "privatelink.cognitiveservices.azure.cn"),
	  NULL },
	{ "azure-ai-foundry", PRESET_SERVICE, true,
	  LIST("*.services.ai.azure.com", /* [dns]; no other cloud's zone is published */
	       "*.services.ai.azure.us"), /* [fgov] */
	  LIST("privatelink.services.ai.azure.com", "privatelink.openai.azure.com",
	       "privatelink.cognitiveservices.azure.com"),
	  NULL },
	{ "azure-ai-search", PRESET_SERVICE, true,
	  LIST("*.search.windows.net", /* [dns] */
	       "*.search.windows.us",  /* [dns] */
	       "*.search.azure.us"),   /* [gov] */
	  LIST("privatelink.search.windows.net", "privatelink.search.windows.us",
	       "privatelink.search.azure.us"),
	  NULL },
	{ "azure-ml", PRESET_SERVICE, true,
	  LIST("*.api.azureml.ms",		/* [dns] */
	       "*.notebooks.azure.net",		/* [dns] */
	       "*.instances.azureml.ms",	/* [dns] */
	       "*.aznbcontent.net",		/* [dns] all three clouds */
	       "*.inference.ml.azure.com",	/* [dns] */
	       "*.api.ml.azure.us",		/* [dns] */
	       "*.notebooks.usgovcloudapi.net", /* [dns] */
	       "*.instances.azureml.us",	/* [dns] */
	       "*.inference.ml.azure.us",	/* [dns] */
	       "*.api.ml.azure.cn",		/* [dns-cn] */
	       "*.notebooks.chinacloudapi.cn",	/* [dns-cn] */
	       "*.instances.azureml.cn",	/* [dns-cn] */
	       "*.inference.ml.azure.cn"),	/* [dns-cn] */
	  LIST("privatelink.api.azureml.ms", "privatelink.notebooks.azure.net",
	       "privatelink.api.ml.azure.us", "privatelink.notebooks.usgovcloudapi.net",
	       "privatelink.api.ml.azure.cn", "privatelink.notebooks.chinacloudapi.cn"),
	  NULL },
	{ "azure-key-vault", PRESET_SERVICE, false,
	  LIST("*.vault.azure.net",		/* [dns] */
	       "*.vaultcore.azure.net",		/* [dns] */
	       "*.vault.usgovcloudapi.net",	/* [dns] */
	       "*.vaultcore.usgovcloudapi.net", /* [dns] */
	       "*.vault.azure.cn",		/* [dns-cn] */
	       "*.vaultcore.azure.cn"),		/* [dns-cn] */
	  LIST("privatelink.vaultcore.azure.net", "privatelink.vaultcore.usgovcloudapi.net",
	       "privatelink.vaultcore.azure.cn"),
	  NULL },
	{ "azure-storage-blob", PRESET_SERVICE, false,
	  LIST("*.blob.core.windows.net",	/* [dns] */
	       "*.blob.core.usgovcloudapi.net", /* [dns] */
	       "*.blob.core.chinacloudapi.cn"), /* [dns-cn] */
	  LIST("privatelink.blob.core.windows.net", "privatelink.blob.core.usgovcloudapi.net",
	       "privatelink.blob.core.chinacloudapi.cn"),
	  NULL },
	{ "azure-cosmos-db", PRESET_SERVICE, false,
	  LIST("*.documents.azure.com",	       /* [dns] */
	       "*.mongo.cosmos.azure.com",     /* [dns] */
	       "*.cassandra.cosmos.azure.com", /* [dns] */
	       "*.gremlin.cosmos.azure.com",   /* [dns] */
	       "*.table.cosmos.azure.com",     /* [dns] */
	       "*.documents.azure.us",	       /* [dns] */
	       "*.documents.azure.cn",	       /* [dns-cn] */
	       "*.mongo.cosmos.azure.cn",      /* [dns-cn] */
	       "*.cassandra.cosmos.azure.cn",  /* [dns-cn] */
	       "*.gremlin.cosmos.azure.cn",    /* [dns-cn] */
	       "*.table.cosmos.azure.cn"),     /* [dns-cn] */
	  LIST("privatelink.documents.azure.com", "privatelink.mongo.cosmos.azure.com",
	       "privatelink.cassandra.cosmos.azure.com", "privatelink.gremlin.cosmos.azure.com",
	       "privatelink.table.cosmos.azure.com", "privatelink.documents.azure.us",
	       "privatelink.documents.azure.cn", "privatelink.mongo.cosmos.azure.cn",
	       "privatelink.cassandra.cosmos.azure.cn", "privatelink.gremlin.cosmos.azure.cn",
	       "privatelink.table.cosmos.azure.cn"),
	  NULL },
	{ "azure-monitor", PRESET_SERVICE, false,
	  LIST("*.monitor.azure.com",		      /* [dns] */
	       "*.ingest.monitor.azure.com",	      /* [mon-k] data collection end points */
	       "*.livediagnostics.monitor.azure.com", /* [mon] live metrics */
	       "*.in.applicationinsights.azure.com",  /* [mon] ingestion by region */
	       "dc.services.visualstudio.com",	      /* [mon] ingestion, global */
	       "*.oms.opinsights.azure.com",	      /* [dns] */
	       "*.ods.opinsights.azure.com",	      /* [dns] */
	       "*.agentsvc.azure-automation.net",     /* [dns] */
	       "*.monitor.azure.us",		      /* [dns] */
	       "*.in.applicationinsights.azure.us",   /* [mon] */
	       "dc.applicationinsights.us",	      /* [mon] */
	       "*.oms.opinsights.azure.us",	      /* [dns] */
	       "*.ods.opinsights.azure.us",	      /* [dns] */
	       "*.agentsvc.azure-automation.us",      /* [dns] */
	       "*.monitor.azure.cn",		      /* [mon-k] */
	       "*.in.applicationinsights.azure.cn",   /* [mon] */
	       "dc.applicationinsights.azure.cn",     /* [mon] */
	       "*.oms.opinsights.azure.cn",	      /* [mon-k] */
	       "*.ods.opinsights.azure.cn"),	      /* [mon-k] */
	  LIST("privatelink.monitor.azure.com", "privatelink.oms.opinsights.azure.com",
	       "privatelink.ods.opinsights.azure.com", "privatelink.agentsvc.azure-automation.net",
	       "privatelink.blob.core.windows.net", "privatelink.monitor.azure.us",
	       "privatelink.adx.monitor.azure.us", "privatelink.oms.opinsights.azure.us",
	       "privatelink.ods.opinsights.azure.us", "privatelink.agentsvc.azure-automation.us",
	       "privatelink.blob.core.usgovcloudapi.net"),
	  NULL },
	{ "azure-event-hubs", PRESET_SERVICE, false,
	  LIST("*.servicebus.windows.net",	 /* [dns] */
	       "*.servicebus.usgovcloudapi.net", /* [dns] */
	       "*.servicebus.chinacloudapi.cn"), /* [dns-cn] */
	  LIST("privatelink.servicebus.windows.net", "privatelink.servicebus.usgovcloudapi.net",
	       "privatelink.servicebus.chinacloudapi.cn"),
	  NULL },
	{ "public-ai", PRESET_AI_PUBLIC, true, public_ai, LIST(NULL), NULL },
	{ "entra", PRESET_RULE, false,
	  LIST("login.microsoftonline.com",	   /* [entra] */
	       "*.login.microsoftonline.com",	   /* [entra] regional hosts */
	       "*.login.microsoft.com",		   /* [field] regional token hosts */
	       "login.microsoft.com",		   /* [entra] */
	       "login.windows.net",		   /* [entra] its older name */
	       "sts.windows.net",		   /* [entra] issuer, key discovery */
	       "login.microsoftonline.us",	   /* [entra] US government */
	       "login.partner.microsoftonline.cn", /* [entra] China */
	       "login.chinacloudapi.cn"),	   /* [entra] China, its older name */
	  LIST(NULL), entra_prefixes },
	{ "arm", PRESET_RULE, false,
	  LIST("management.azure.com",	       /* [gov] */
	       "management.usgovcloudapi.net", /* [gov] */
	       "management.chinacloudapi.cn"), /* [cn] */
	  LIST(NULL), NULL },
	{ "mcr", PRESET_RULE, false,
	  LIST("mcr.microsoft.com",	   /* [mcr] public and US government */
	       "*.data.mcr.microsoft.com", /* [mcr] layers */
	       "mcr.azure.cn",		   /* [field] */
	       "*.data.mcr.azure.cn"),	   /* [field] */
	  LIST(NULL), NULL },
};

const struct preset *preset_find(const char *name)
{
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (!strcmp(presets[i].name, name))
			return &presets[i];
	return NULL;
}

const struct preset *preset_list(size_t *ret_n)
{
	*ret_n = sizeof(presets) / sizeof(presets[0]);
	return presets;
}
