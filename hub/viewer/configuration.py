"""How OHIF is told of this hub: its configuration, and the page that loads it.

It asks the hub it was loaded from and nobody else. The signed-in user's session goes with every request as the
browser's own cookie of this origin (``HttpOnly``): no token stands in an address or is within reach of a script.
Chinese is the first language of a browser that has chosen none.
"""

APP_CONFIG = """\
// OHIF's configuration for this hub, written by `hub viewer install`.
window.PUBLIC_URL = '/viewer/';
window.browserImportFunction = address => import(address);
try {
  if (!localStorage.getItem('i18nextLng')) localStorage.setItem('i18nextLng', 'zh');
} catch { /* a browser that keeps nothing chooses its own language */ }
let told = 0;
const dicomWeb = `${window.location.origin}/dicom-web`;
window.config = {
  name: 'hub',
  routerBasename: '/viewer',
  extensions: [],
  modes: [],
  customizationService: {
    'ohif.tours': { $set: [] },
    'studyBrowser.studyMode': { $set: 'primary' },
  },
  showStudyList: true,
  maxNumberOfWebWorkers: 3,
  showWarningMessageForCrossOrigin: true,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  showErrorDetails: 'production',
  investigationalUseDialog: { option: 'configure', days: 90 },
  maxNumRequests: { interaction: 20, thumbnail: 5, prefetch: 10 },
  defaultDataSourceName: 'hub',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'hub',
      configuration: {
        friendlyName: '区域影像 Regional images',
        name: 'hub',
        qidoRoot: dicomWeb,
        wadoRoot: dicomWeb,
        wadoUriRoot: dicomWeb,
        qidoSupportsIncludeField: true,
        imageRendering: 'wadors',
        thumbnailRendering: 'thumbnail',
        thumbnailRequestStrategy: 'fetch',
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        dicomUploadEnabled: false,
        singlepart: 'bulkdata,video',
        bulkDataURI: { enabled: true, relativeResolution: 'studies' },
        omitQuotationForMultipartRequest: true,
      },
    },
  ],
  httpErrorHandler: error => {
    if (error.status !== 401 || Date.now() - told < 10000) return;
    told = Date.now();
    window.alert('登录已结束，或此处只可查看。\\nThe session has ended, or this may only be looked at.');
  },
};
"""

_INDEX = """\
<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1,shrink-to-fit=no">
<meta name="theme-color" content="#000000">
<meta name="referrer" content="no-referrer">
<title>影像浏览 · Viewer</title>
<link rel="icon" href="/viewer/assets/favicon.ico">
<link rel="stylesheet" href="/viewer/app.bundle.css">
<script src="/viewer/app-config.js"></script>
<script defer src="/viewer/{application}"></script>
</head>
<body>
<noscript>请启用 JavaScript。 Scripts must be allowed to show images.</noscript>
<div id="react-portal"></div>
<div id="root"></div>
</body>
</html>
"""


def index_page(application: str) -> str:
    """The page, with the name of the application's bundle."""
    return _INDEX.format(application=application)
